package dev.fettle.text;

import java.util.Locale;

/// What is in a dataset, and what was left out of it.
///
/// @param samples sequences
/// @param tokens tokens in them
/// @param targetTokens predictions the loss is taken over
/// @param longest tokens of the longest sequence before truncation
/// @param truncated sequences cut to the sequence length that still have targets
/// @param dropped sequences left out because nothing to learn was within the sequence length
public record DatasetSummary(
    int samples, long tokens, long targetTokens, int longest, int truncated, int dropped) {

  /// For the log: `7473 samples, 1,234,567 tokens, 934,234 of them targets, 12 truncated`.
  @Override
  public String toString() {
    return "%s samples, %s tokens, %s of them targets, longest %s"
            .formatted(count(samples), count(tokens), count(targetTokens), count(longest))
        + (truncated == 0 ? "" : ", " + count(truncated) + " truncated")
        + (dropped == 0
            ? ""
            : ", "
                + count(dropped)
                + " dropped because their answer lies beyond the sequence length");
  }

  private static String count(long value) {
    return String.format(Locale.ROOT, "%,d", value);
  }

  /// Counts samples as they are made.
  static final class Builder {
    private int samples;
    private long tokens;
    private long targetTokens;
    private int longest;
    private int truncated;
    private int dropped;

    /// @param fullLength tokens before truncation
    void add(Sample sample, int fullLength) {
      samples++;
      tokens += sample.length();
      targetTokens += sample.targetTokens();
      longest = Math.max(longest, fullLength);
      truncated += sample.length() < fullLength ? 1 : 0;
    }

    void drop(int fullLength) {
      dropped++;
      longest = Math.max(longest, fullLength);
    }

    DatasetSummary build() {
      return new DatasetSummary(samples, tokens, targetTokens, longest, truncated, dropped);
    }
  }
}
