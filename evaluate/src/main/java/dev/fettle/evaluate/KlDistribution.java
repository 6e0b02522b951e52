package dev.fettle.evaluate;

import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;

/// The Kullback–Leibler divergence over the positions of a text, in nats.
///
/// @param positions how many there are
/// @param median nearest rank, as `p99`
/// @param p99 99 of 100 positions diverge by no more
/// @param sameTop share of positions where both models find the same token most likely
/// @param histogram positions by size: bin `i` from 10^(i/4 − 8) to 10^((i+1)/4 − 8); what is
///   smaller or larger counts in the first and last bin
public record KlDistribution(
    long positions,
    double mean,
    double median,
    double p99,
    double max,
    double sameTop,
    List<Long> histogram) {
  /// Ten orders of magnitude, four bins each.
  public static final int BINS = 40;

  public static final double SMALLEST_EXPONENT = -8;
  private static final int BINS_PER_DECADE = 4;

  public KlDistribution {
    histogram = List.copyOf(histogram);
  }

  /// A divergence in nats, or less, as the left edge of a bin.
  public static double edge(int bin) {
    return Math.pow(10, SMALLEST_EXPONENT + (double) bin / BINS_PER_DECADE);
  }

  /// Collects the divergences of single positions: four bytes each.
  static final class Collector {
    private float[] values = new float[1024];
    private int count;
    private double sum;
    private long same;

    /// @param divergence of one position; rounding may have made it slightly negative
    void add(float divergence, boolean sameTop) {
      if (count == values.length) {
        values = Arrays.copyOf(values, 2 * count);
      }
      values[count++] = divergence;
      sum += divergence;
      same += sameTop ? 1 : 0;
    }

    /// @throws IllegalStateException if nothing was added
    KlDistribution distribution() {
      if (count == 0) {
        throw new IllegalStateException("no position was compared");
      }
      float[] sorted = Arrays.copyOf(values, count);
      Arrays.sort(sorted);
      return new KlDistribution(
          count,
          sum / count,
          rank(sorted, 0.5),
          rank(sorted, 0.99),
          sorted[count - 1],
          (double) same / count,
          histogram(sorted));
    }

    private static double rank(float[] sorted, double share) {
      return sorted[(int) Math.max(0, Math.ceil(share * sorted.length) - 1)];
    }

    private static List<Long> histogram(float[] sorted) {
      long[] counts = new long[BINS];
      for (float value : sorted) {
        double place = value > 0 ? (Math.log10(value) - SMALLEST_EXPONENT) * BINS_PER_DECADE : 0;
        counts[Math.clamp((int) Math.floor(place), 0, BINS - 1)]++;
      }
      return LongStream.of(counts).boxed().toList();
    }
  }
}
