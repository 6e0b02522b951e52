package dev.fettle.evaluate;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.model.CausalLm;
import dev.fettle.tensor.DType;
import java.util.Arrays;

/// How far a model's predictions are from those of another one, usually the 16-bit model it was
/// made from: the Kullback–Leibler divergence `Σ p(t) · (ln p(t) − ln q(t))` over the vocabulary,
/// `p` from the reference and `q` from the model, at every position of a text (Kullback and Leibler
/// 1951, eq. 2.4).
public final class KlDivergence {
  /// Logits of one model computed at a time: 32 MiB of float32, a few times over.
  private static final long CHUNK_LOGITS = 1L << 23;

  private KlDivergence() {}

  /// Reads the text in consecutive windows; the rest that fills no window is left out unless it is
  /// all there is.
  ///
  /// @param reference gives `p`; same vocabulary as `model`
  /// @param model gives `q`
  /// @param ids token ids of the text, at least one
  /// @param seqLength tokens of a window
  /// @return mean in nats per position, not negative but for rounding
  /// @throws IllegalArgumentException if there are no ids
  public static double of(CausalLm reference, CausalLm model, int[] ids, int seqLength) {
    return distribution(reference, model, ids, seqLength).mean();
  }

  /// As [#of], with the whole distribution over the positions.
  public static KlDistribution distribution(
      CausalLm reference, CausalLm model, int[] ids, int seqLength) {
    if (ids.length == 0) {
      throw new IllegalArgumentException("no text to compare on");
    }
    int length = Math.min(seqLength, ids.length);
    int windows = ids.length / length;
    KlDistribution.Collector collector = new KlDistribution.Collector();
    for (int i = 0; i < windows; i++) {
      int[][] window = {Arrays.copyOfRange(ids, i * length, (i + 1) * length)};
      try (Scope scope = Scope.open()) {
        add(reference, reference.hidden(window), model, model.hidden(window), collector);
      }
    }
    return collector.distribution();
  }

  /// Adds the divergence of each row, chunk by chunk, so that `[rows, vocab]` never exists at once.
  ///
  /// @param p hidden states of the reference after the final norm, `[rows, hidden]`
  /// @param q those of the model
  private static void add(
      CausalLm reference, Tensor p, CausalLm model, Tensor q, KlDistribution.Collector collector) {
    long rows = p.size(0);
    long step = rowsPerChunk(reference);
    for (long from = 0; from < rows; from += step) {
      long count = Math.min(step, rows - from);
      try (Scope scope = Scope.open()) {
        Tensor logP = reference.logits(p.narrow(0, from, count)).logSoftmax();
        Tensor logQ = model.logits(q.narrow(0, from, count)).logSoftmax();
        add(logP, logQ, collector);
      }
    }
  }

  static long rowsPerChunk(CausalLm model) {
    return Math.max(1, CHUNK_LOGITS / model.config().vocabSize());
  }

  /// Adds the divergence of each row of two matrices of log-probabilities.
  static void add(Tensor logP, Tensor logQ, KlDistribution.Collector collector) {
    float[] divergence = logP.exp().mul(logP.sub(logQ)).sum(1, false).toFloats();
    float[] difference = logP.argmax().sub(logQ.argmax()).to(DType.F32).toFloats();
    for (int row = 0; row < divergence.length; row++) {
      collector.add(divergence[row], difference[row] == 0);
    }
  }
}
