package dev.fettle.export.merge;

import dev.fettle.checkpoint.AtomicFolder;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.evaluate.Comparison;
import dev.fettle.evaluate.Evaluation;
import dev.fettle.evaluate.KlDistribution;
import dev.fettle.export.Conversion;
import dev.fettle.lora.Merge;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Merges an adapter into one or several targets, measures what became of it, and keeps one.
public final class LowBitMerge {
  private static final int DEFAULT_SEQ_LENGTH = 512;

  private final Request request;
  private final Listener listener;

  private LowBitMerge(Request request, Listener listener) {
    this.request = request;
    this.listener = listener;
  }

  /// @param model the base the adapter was trained on, quantized or not
  /// @param adapter its folder
  /// @param output the folder or file to make
  /// @param text to measure the divergence on, or null
  /// @param maxBytes largest result that is kept
  public record Request(
      Path model, Path adapter, Path output, @Nullable MeasuringText text, long maxBytes) {}

  /// @param data a text file, UTF-8
  /// @param seqLength tokens of a window; null is 512, or as many as the model takes
  /// @param maxTokens of the text; 0 is all
  public record MeasuringText(Path data, @Nullable Integer seqLength, int maxTokens) {}

  /// @param candidates all that were made, in the order of the targets; those that were not chosen
  ///   are gone from disk
  /// @param chosen the one at the output
  /// @param reason in a sentence
  public record Result(List<MergeCandidate> candidates, MergeCandidate chosen, String reason) {}

  /// Told about progress.
  public interface Listener {
    void tensor(MergeTarget target, String name, int done, int count);

    void windows(MergeTarget target, int done, int count);
  }

  /// @param targets one, or several of which the one with the smallest divergence is kept
  /// @throws UserException if the adapter does not fit, a target is not possible or none is small
  ///   enough; nothing is left then
  public static Result run(Request request, List<MergeTarget> targets, Listener listener) {
    return new LowBitMerge(request, listener).run(targets);
  }

  private Result run(List<MergeTarget> targets) {
    CheckpointWriter.checkTarget(request.output(), false);
    Path work = AtomicFolder.temporary(request.output());
    try {
      List<MergeCandidate> candidates = new ArrayList<>();
      for (int i = 0; i < targets.size(); i++) {
        candidates.add(make(targets.get(i), work.resolve("candidate-" + i)));
      }
      MergeCandidate best = best(candidates);
      String reason = reason(candidates, best);
      Files.move(best.folder(), request.output(), StandardCopyOption.ATOMIC_MOVE);
      MergeCandidate chosen =
          new MergeCandidate(
              best.target(), request.output(), best.bytes(), best.layers(), best.kl());
      return new Result(candidates, chosen, reason);
    } catch (IOException e) {
      throw new UserException(
          "Cannot write %s: %s.".formatted(request.output(), e.getMessage()), e);
    } finally {
      AtomicFolder.delete(work);
    }
  }

  private MergeCandidate make(MergeTarget target, Path folder) {
    switch (target) {
      case MergeTarget.Original original ->
          merge(target, original.folder(), original.dtype(), folder);
      case MergeTarget.Dequantized plain -> merge(target, request.model(), plain.dtype(), folder);
      case MergeTarget.Requantized grid -> {
        Path plain = folder.resolveSibling(folder.getFileName() + "-plain");
        merge(target, request.model(), null, plain);
        Conversion.run(
            plain,
            folder,
            Regrid.options(request.model(), grid),
            (tensor, type, done, count) -> listener.tensor(target, tensor, done, count));
        AtomicFolder.delete(plain);
      }
    }
    List<DeltaSurvival> layers = DeltaSurvival.of(request.model(), request.adapter(), folder);
    return new MergeCandidate(
        target, folder, Checkpoint.storedBytes(folder), layers, divergence(target, folder));
  }

  private void merge(MergeTarget target, Path base, @Nullable DType dtype, Path output) {
    Merge.run(
        base,
        request.adapter(),
        output,
        dtype,
        false,
        (index, total, name) -> listener.tensor(target, name, index + 1, total));
  }

  private @Nullable KlDistribution divergence(MergeTarget target, Path folder) {
    MeasuringText text = request.text();
    if (text == null) {
      return null;
    }
    List<Comparison.Row> rows =
        Comparison.run(
            List.of(
                new Evaluation.Candidate(request.model(), request.adapter()),
                new Evaluation.Candidate(folder, null)),
            text.data(),
            seqLength(text),
            text.maxTokens(),
            null,
            (candidate, done, count) -> listener.windows(target, done, count));
    return rows.getLast().kl();
  }

  private int seqLength(MeasuringText text) {
    Integer wanted = text.seqLength();
    if (wanted != null) {
      return wanted;
    }
    try (Checkpoint stored = Checkpoint.open(request.model())) {
      return Math.min(DEFAULT_SEQ_LENGTH, stored.config().maxPositionEmbeddings());
    }
  }

  private MergeCandidate best(List<MergeCandidate> candidates) {
    return candidates.stream()
        .filter(candidate -> candidate.bytes() <= request.maxBytes())
        .min(Comparator.comparingDouble(LowBitMerge::distance))
        .orElseThrow(() -> {
          MergeCandidate smallest =
              candidates.stream()
                  .min(Comparator.comparingLong(MergeCandidate::bytes))
                  .orElseThrow();
          return new UserException(
              "No merged model fits in %d bytes: the smallest, %s, takes %d; allow more, or name a scheme of fewer bits."
                  .formatted(request.maxBytes(), smallest.target().text(), smallest.bytes()));
        });
  }

  /// What is to be small: the divergence where it was measured, else what is lost of the adapter.
  private static double distance(MergeCandidate candidate) {
    KlDistribution kl = candidate.kl();
    return kl == null ? candidate.lost() : kl.mean();
  }

  private String reason(List<MergeCandidate> candidates, MergeCandidate best) {
    if (candidates.size() == 1) {
      return "It is the only one asked for.";
    }
    long fitting = candidates.stream().filter(one -> one.bytes() <= request.maxBytes()).count();
    String measure =
        best.kl() == null
            ? "loses least of the adapter"
            : "predicts most nearly what base and adapter predict side by side";
    return fitting == candidates.size()
        ? "Of %d it %s.".formatted(candidates.size(), measure)
        : fitting == 1
            ? "Of %d it is the only one that fits.".formatted(candidates.size())
            : "Of the %d of %d that fit it %s.".formatted(fitting, candidates.size(), measure);
  }
}
