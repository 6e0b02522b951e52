package dev.fettle.cli;

import dev.fettle.model.SamplingOptions;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// How tokens are chosen; the names of transformers.
final class SamplingMixin {
  @Option(
      names = "--temperature",
      paramLabel = "T",
      description =
          "0 takes the most likely token; higher values draw more freely (default: 0 in generate, 0.7"
              + " in chat).")
  @Nullable Double temperature;

  @Option(
      names = "--top-k",
      paramLabel = "K",
      description = "Draw from the K most likely tokens only (default: all).")
  int topK;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      description =
          "Draw from the most likely tokens that together have probability P (default: 1).")
  double topP = 1;

  @Option(
      names = "--repetition-penalty",
      paramLabel = "X",
      description = "Above 1 makes tokens that were there before less likely (default: 1).")
  double repetitionPenalty = 1;

  @Option(names = "--seed", paramLabel = "N", description = "Seed of the draws (default: 0).")
  long seed;

  SamplingOptions options(double defaultTemperature) {
    double chosen = temperature == null ? defaultTemperature : temperature;
    return new SamplingOptions(chosen, topK, topP, repetitionPenalty, seed);
  }
}
