package dev.fettle.evaluate;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.model.CausalLm;
import java.util.Arrays;

/// How far a model's predictions are from those of another one, usually the 16-bit model it was
/// made from: the Kullback–Leibler divergence `Σ p(t) · (ln p(t) − ln q(t))` over the vocabulary,
/// `p` from the reference and `q` from the model, mean over all positions of a text (Kullback and
/// Leibler 1951, eq. 2.4).
public final class KlDivergence {
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
    if (ids.length == 0) {
      throw new IllegalArgumentException("no text to compare on");
    }
    int length = Math.min(seqLength, ids.length);
    int windows = ids.length / length;
    double sum = 0;
    for (int i = 0; i < windows; i++) {
      int[][] window = {Arrays.copyOfRange(ids, i * length, (i + 1) * length)};
      try (Scope scope = Scope.open()) {
        Tensor p = reference.logits(window).logSoftmax();
        Tensor q = model.logits(window).logSoftmax();
        sum += p.exp().mul(p.sub(q)).sum().item();
      }
    }
    return sum / ((double) windows * length);
  }
}
