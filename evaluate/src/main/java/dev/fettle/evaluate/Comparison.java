package dev.fettle.evaluate;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.evaluate.Evaluation.Candidate;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.quantize.CheckpointInspection;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import dev.fettle.text.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Models against a reference, usually the 16-bit model they were made from, on the same text in
/// one pass: how their predictions diverge, and in which block the difference arises.
public final class Comparison {
  private Comparison() {}

  /// What differs after a block, over all positions.
  ///
  /// @param block counted from 0
  /// @param relativeError `Σ (h − h')² / Σ h²` of the hidden states
  /// @param sqnrDb the same as signal to noise, `−10 · log10`
  /// @param cosine `Σ h · h' / (|h| · |h'|)`
  public record BlockError(int block, double relativeError, double sqnrDb, double cosine) {}

  /// One model.
  ///
  /// @param kl divergence from the reference; of the reference itself zero everywhere
  /// @param meanLoss negative log-likelihood of the text in nats per token
  /// @param tokens scored for `meanLoss`
  /// @param blocks empty for the reference
  /// @param weightBytes of the weight files, adapter included
  /// @param seconds of its own passes
  public record Row(
      Candidate candidate,
      KlDistribution kl,
      double meanLoss,
      long tokens,
      List<BlockError> blocks,
      long weightBytes,
      double bitsPerWeight,
      DType computeDtype,
      double seconds) {
    public Row {
      blocks = List.copyOf(blocks);
    }

    public double perplexity() {
      return Math.exp(meanLoss);
    }

    public double tokensPerSecond() {
      return kl.positions() / seconds;
    }
  }

  /// The text is read in windows of `seqLength` tokens one after the other, with the tokenizer of
  /// the reference; the perplexity is that of [Perplexity] with a stride of one window.
  ///
  /// @param candidates the reference first, then one or more others of the same vocabulary
  /// @param data a text file, UTF-8
  /// @param maxTokens of the text, from its start; 0 is all
  /// @param computeDtype float32 or bfloat16; null takes that of each checkpoint
  /// @return a row for each candidate, in order
  /// @throws UserException if there is nothing to compare, a model or the text is missing or
  ///   unusable, or the vocabularies differ
  public static List<Row> run(
      List<Candidate> candidates,
      Path data,
      int seqLength,
      int maxTokens,
      @Nullable DType computeDtype,
      Evaluation.Progress progress) {
    if (candidates.size() < 2) {
      throw new UserException(
          "--compare needs two models or more: the reference first, then those to compare with it.");
    }
    int[] ids = ids(candidates.getFirst(), Evaluation.read(data), maxTokens);
    LoadOptions load = LoadOptions.defaults().withComputeDtype(computeDtype);
    Candidate first = candidates.getFirst();
    List<Row> rows = new ArrayList<>();
    try (CausalLm reference = CausalLm.load(first.model(), load);
        AutoCloseable adapter = Evaluation.attach(reference, first.adapter())) {
      if (seqLength < 2 || seqLength > reference.maxLength()) {
        throw new UserException(
            "--seq-length must be between 2 and the %d positions of the model, not %d."
                .formatted(reference.maxLength(), seqLength));
      }
      for (Candidate candidate : candidates.subList(1, candidates.size())) {
        SideBySide pass = sideBySide(reference, candidate, load, ids, seqLength, progress);
        if (rows.isEmpty()) {
          rows.add(row(first, pass.reference(), reference.computeDtype()));
        }
        rows.add(row(candidate, pass.model(), pass.model().computeDtype()));
      }
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException("cannot free the adapter", e);
    }
    return rows;
  }

  private static int[] ids(Candidate reference, String text, int maxTokens) {
    int[] ids;
    try (Tokenizer tokenizer = Tokenizer.load(reference.model())) {
      ids = tokenizer.encode(text, true);
    }
    int[] used = maxTokens > 0 ? Arrays.copyOf(ids, Math.min(ids.length, maxTokens)) : ids;
    if (used.length < 2) {
      throw new UserException(
          "The text has " + used.length + " tokens; a comparison needs two or more.");
    }
    return used;
  }

  private static SideBySide sideBySide(
      CausalLm reference,
      Candidate candidate,
      LoadOptions load,
      int[] ids,
      int seqLength,
      Evaluation.Progress progress)
      throws Exception {
    try (CausalLm model = CausalLm.load(candidate.model(), load);
        AutoCloseable adapter = Evaluation.attach(model, candidate.adapter())) {
      if (model.config().vocabSize() != reference.config().vocabSize()
          || model.config().numHiddenLayers() != reference.config().numHiddenLayers()
          || model.config().hiddenSize() != reference.config().hiddenSize()) {
        throw new UserException(
            "%s has another shape than the reference (%d words, %d blocks of %d against %d, %d of %d); only versions of one model can be compared."
                .formatted(
                    candidate.name(),
                    model.config().vocabSize(),
                    model.config().numHiddenLayers(),
                    model.config().hiddenSize(),
                    reference.config().vocabSize(),
                    reference.config().numHiddenLayers(),
                    reference.config().hiddenSize()));
      }
      SideBySide pass = new SideBySide(reference, model);
      int windows = (ids.length + seqLength - 1) / seqLength;
      for (int i = 0; i < windows; i++) {
        int to = Math.min(ids.length, (i + 1) * seqLength);
        pass.window(Arrays.copyOfRange(ids, i * seqLength, to));
        progress.windows(candidate, i + 1, windows);
      }
      if (!Double.isFinite(pass.model().kl().mean())) {
        throw new UserException(
            "%s or the reference predicts NaN or infinity on this text, so they cannot be compared; look for such weights with --nan-policy refuse."
                .formatted(candidate.name()));
      }
      return pass;
    }
  }

  private static Row row(Candidate candidate, SideBySide.Side side, DType computeDtype) {
    long bytes = Evaluation.weightBytes(candidate);
    try (Checkpoint folder = Checkpoint.open(candidate.model())) {
      return new Row(
          candidate,
          side.kl(),
          side.meanLoss(),
          side.tokens(),
          side.blocks(),
          bytes,
          8.0 * bytes / CheckpointInspection.of(folder).parameters(),
          computeDtype,
          side.seconds());
    }
  }
}
