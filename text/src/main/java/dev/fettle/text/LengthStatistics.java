package dev.fettle.text;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// How long the samples of a data set are.
///
/// @param min shortest, in tokens
/// @param mean over all
/// @param p50 half of the samples are no longer; all percentiles are nearest-rank, so that one of
///   the samples has that length
/// @param p90 nine tenths are no longer
/// @param p99 99 of 100 are no longer
/// @param max longest
/// @param histogram how many samples are in each range of lengths, from the shortest
public record LengthStatistics(
    int min, double mean, int p50, int p90, int p99, int max, List<Bin> histogram) {
  /// Of a data set without samples.
  static final LengthStatistics NONE = new LengthStatistics(0, 0, 0, 0, 0, 0, List.of());

  public LengthStatistics {
    histogram = List.copyOf(histogram);
  }

  /// @param from shortest length in it
  /// @param to longest length in it: one below a power of two
  public record Bin(int from, int to, int count) {}

  /// @param lengths in tokens, in any order
  public static LengthStatistics of(int[] lengths) {
    if (lengths.length == 0) {
      return NONE;
    }
    int[] sorted = lengths.clone();
    Arrays.sort(sorted);
    return new LengthStatistics(
        sorted[0],
        Arrays.stream(sorted).mapToLong(length -> length).sum() / (double) sorted.length,
        percentile(sorted, 50),
        percentile(sorted, 90),
        percentile(sorted, 99),
        sorted[sorted.length - 1],
        bins(sorted));
  }

  private static int percentile(int[] sorted, int percent) {
    long rank = ((long) sorted.length * percent + 99) / 100;
    return sorted[(int) Math.max(0, rank - 1)];
  }

  private static List<Bin> bins(int[] sorted) {
    List<Bin> bins = new ArrayList<>();
    int at = 0;
    while (at < sorted.length) {
      int from = Integer.highestOneBit(sorted[at]);
      int to = from == 0 ? 0 : 2 * from - 1;
      int start = at;
      while (at < sorted.length && sorted[at] <= to) {
        at++;
      }
      bins.add(new Bin(from, to, at - start));
    }
    return bins;
  }
}
