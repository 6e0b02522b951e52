package dev.fettle.cli;

import dev.fettle.tensor.UserException;
import dev.fettle.text.DatasetOptions;
import dev.fettle.text.LossOn;
import dev.fettle.text.PackingStrategy;
import dev.fettle.text.TemplateChoice;
import dev.fettle.text.Truncation;
import dev.fettle.text.records.RecordOptions;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// How the training files become samples.
final class DataOptions {
  private static final int MIN_SEQ_LENGTH = 2;

  @Option(
      names = "--seq-length",
      paramLabel = "N",
      description = "Longest sample in tokens; plain text is cut into blocks of it (default: 512).")
  int seqLength = 512;

  @Option(
      names = "--completion-only-loss",
      negatable = true,
      description =
          "Of prompt/completion rows learn the completion alone (default); the other way round"
              + " learn the prompt too.")
  @Nullable Boolean completionOnlyLoss;

  @Option(
      names = "--assistant-only-loss",
      negatable = true,
      description =
          "Of conversations learn the assistant's turns alone (default for messages); the other"
              + " way round learn all turns.")
  @Nullable Boolean assistantOnlyLoss;

  @Option(
      names = "--loss-on-prompt",
      description = "Learn everything: --no-completion-only-loss --no-assistant-only-loss.")
  boolean lossOnPrompt;

  @Option(
      names = "--chat-template",
      paramLabel = "NAME|FILE",
      description =
          "One of the model's named chat templates, or a file with one (default: the model's).")
  @Nullable String chatTemplate;

  @Option(
      names = "--packing",
      description =
          "Put several samples into a row of --seq-length tokens; they do not see each other.")
  boolean packing;

  @Option(
      names = "--packing-strategy",
      paramLabel = "NAME",
      description =
          "bfd: whole samples, those that fill a row best; wrapped: one after another, cut where a"
              + " row is full, as one text (default: bfd).")
  @Nullable String packingStrategy;

  @Option(
      names = "--on-long",
      paramLabel = "WHAT",
      description =
          "A sample longer than --seq-length: truncate, drop or error (default: truncate; what loses"
              + " all there is to learn is left out, and the log says how many).")
  String onLong = "truncate";

  @Option(
      names = "--truncation-side",
      paramLabel = "SIDE",
      description = "Cut off the right or the left end (default: right).")
  String truncationSide = "right";

  @Option(
      names = "--deduplicate",
      description = "Leave out rows that repeat an earlier one, but for white space.")
  boolean deduplicate;

  @Option(
      names = "--max-samples",
      paramLabel = "N",
      description = "Only the first N samples (default: all).")
  int maxSamples;

  @Option(
      names = "--validation-split",
      paramLabel = "F",
      description = "Fraction of the samples to hold out (default: 0).")
  double validationSplit;

  @Option(
      names = "--validation-data",
      paramLabel = "FILE",
      arity = "1..*",
      description = "Files to evaluate on instead.")
  List<Path> validationData = List.of();

  /// @throws UserException if a setting is out of range
  DatasetOptions options(RecordOptions records) {
    if (seqLength < MIN_SEQ_LENGTH) {
      throw new UserException("--seq-length must be 2 or more, not " + seqLength + ".");
    }
    return new DatasetOptions(
        seqLength,
        loss(),
        records,
        Truncation.parse(truncationSide, onLong),
        deduplicate,
        maxSamples,
        packing(),
        new TemplateChoice(chatTemplate, null));
  }

  private LossOn loss() {
    if (!lossOnPrompt) {
      return new LossOn(completionOnlyLoss, assistantOnlyLoss);
    }
    if (Boolean.TRUE.equals(completionOnlyLoss) || Boolean.TRUE.equals(assistantOnlyLoss)) {
      throw new UserException(
          "--loss-on-prompt learns everything; leave out --completion-only-loss and --assistant-only-loss.");
    }
    return LossOn.everything();
  }

  private @Nullable PackingStrategy packing() {
    if (!packing) {
      if (packingStrategy != null) {
        throw new UserException("--packing-strategy goes with --packing; add it.");
      }
      return null;
    }
    return packingStrategy == null ? PackingStrategy.BFD : PackingStrategy.parse(packingStrategy);
  }
}
