package dev.fettle.cli;

import dev.fettle.calibrate.CalibrationText;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// The text that a way to quantize looks at, and how much of it.
final class CalibrationDataOptions {
  @Option(
      names = "--data",
      paramLabel = "FILE",
      description = "Calibration text: plain, or rows as for finetune.")
  @Nullable Path data;

  @Option(
      names = "--seq-length",
      paramLabel = "N",
      description =
          "Longest calibration sample in tokens; plain text is cut into blocks of it (default: 512).")
  int seqLength = 512;

  @Option(
      names = {"--samples", "--calibration-samples"},
      paramLabel = "N",
      description = "Only the first N samples (default: all; 128 with --algorithm).")
  int samples;

  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      description = "Only the first N tokens (default: all).")
  long maxTokens;

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      description = "Samples of equal length per pass at most (default: 1).")
  int batchSize = 1;

  @Mixin RecordArguments records = new RecordArguments();

  CalibrationText.Limits limits() {
    return new CalibrationText.Limits(seqLength, samples, maxTokens, records.options());
  }
}
