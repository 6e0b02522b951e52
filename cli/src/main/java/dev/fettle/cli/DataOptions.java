package dev.fettle.cli;

import dev.fettle.tensor.UserException;
import dev.fettle.text.DatasetOptions;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// How the training file becomes samples.
final class DataOptions {
  private static final int MIN_SEQ_LENGTH = 2;

  @Option(
      names = "--seq-length",
      paramLabel = "N",
      description = "Longest sample in tokens; plain text is cut into blocks of it (default: 512).")
  int seqLength = 512;

  @Option(
      names = "--loss-on-prompt",
      description = "Learn the prompts too; otherwise the loss is taken on the completions only.")
  boolean lossOnPrompt;

  @Option(
      names = "--prompt-key",
      paramLabel = "KEY",
      description = "JSON key of the prompt (default: prompt).")
  String promptKey = "prompt";

  @Option(
      names = "--completion-key",
      paramLabel = "KEY",
      description = "JSON key of the completion (default: completion).")
  String completionKey = "completion";

  @Option(
      names = "--validation-split",
      paramLabel = "F",
      description = "Fraction of the samples to hold out (default: 0).")
  double validationSplit;

  @Option(
      names = "--validation-data",
      paramLabel = "FILE",
      description = "A file to evaluate on instead.")
  @Nullable Path validationData;

  /// @throws UserException if the sequence length is too short
  DatasetOptions options() {
    if (seqLength < MIN_SEQ_LENGTH) {
      throw new UserException("--seq-length must be 2 or more, not " + seqLength + ".");
    }
    return new DatasetOptions(seqLength, !lossOnPrompt, promptKey, completionKey);
  }
}
