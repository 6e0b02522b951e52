package dev.fettle.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// What is in a dataset, and what was left out of it.
///
/// @param samples sequences
/// @param tokens tokens in them
/// @param targetTokens predictions the loss is taken over
/// @param lengths tokens per row, before truncation, rows included that are left out as too long
/// @param targets predictions per sample the loss is taken over, after truncation
/// @param findings what was cut and left out
public record DatasetSummary(
    int samples,
    long tokens,
    long targetTokens,
    LengthStatistics lengths,
    LengthStatistics targets,
    DatasetFindings findings) {

  /// Counts samples that are there already.
  static DatasetSummary of(Dataset dataset, DatasetFindings findings) {
    Builder builder = new Builder();
    for (int i = 0; i < dataset.size(); i++) {
      Sample sample = dataset.get(i);
      builder.add(sample, sample.length());
    }
    return builder.build(findings);
  }

  /// For the log: `7473 samples, 1,234,567 tokens, 934,234 of them targets, 12 truncated`.
  @Override
  public String toString() {
    return "%s samples, %s tokens, %s of them targets, longest %s%s"
        .formatted(
            count(samples),
            count(tokens),
            count(targetTokens),
            count(lengths.max()),
            findings.brief());
  }

  /// The lengths, one line each for samples and for what is learned of them.
  public List<String> lengthLines() {
    List<String> lines = new ArrayList<>();
    if (samples > 0) {
      lines.add("tokens per row: " + line(lengths));
      lines.add("learned per row: " + line(targets));
    }
    return lines;
  }

  private static String line(LengthStatistics lengths) {
    return String.format(
        Locale.ROOT,
        "min %,d, mean %,.1f, p50 %,d, p90 %,d, p99 %,d, max %,d",
        lengths.min(),
        lengths.mean(),
        lengths.p50(),
        lengths.p90(),
        lengths.p99(),
        lengths.max());
  }

  static String count(long value) {
    return String.format(Locale.ROOT, "%,d", value);
  }

  /// Counts samples as they are made.
  static final class Builder {
    private final Ints lengths = new Ints();
    private final Ints targets = new Ints();
    private long tokens;
    private long targetTokens;

    /// @param fullLength tokens before truncation
    void add(Sample sample, int fullLength) {
      int learned = sample.targetTokens();
      tokens += sample.length();
      targetTokens += learned;
      lengths.add(fullLength);
      targets.add(learned);
    }

    /// A row that is too long to become a sample.
    void leaveOut(int fullLength) {
      lengths.add(fullLength);
    }

    DatasetSummary build(DatasetFindings findings) {
      return new DatasetSummary(
          targets.size(),
          tokens,
          targetTokens,
          LengthStatistics.of(lengths.toArray()),
          LengthStatistics.of(targets.toArray()),
          findings);
    }
  }
}
