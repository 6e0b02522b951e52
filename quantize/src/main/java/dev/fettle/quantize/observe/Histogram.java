package dev.fettle.quantize.observe;

import java.util.Arrays;

/// Counts of numbers by magnitude and sign, in bins whose width is a power of two and whose edges
/// are multiples of it: bin `k` counts the magnitudes from `k · width` up to but not including `(k
/// +
/// 1) · width`. Zero, also −0.0, counts as positive.
///
/// When a number lies beyond the last bin, the width doubles as often as needed and neighbours are
/// added together. Edges of a wide bin are edges of the narrow ones, so every count stays exact:
/// the histogram depends on the numbers only, not on their order nor on how they were split over
/// several histograms that are merged afterwards.
public final class Histogram {
  /// Bins on each side of zero; after growing, the largest magnitude is in the upper half of them.
  public static final int BINS = 2048;

  /// The width starts at the smallest normal float32.
  static final int LOWEST_EXPONENT = Float.MIN_EXPONENT;

  /// With this width the last bin ends beyond the largest float32.
  static final int HIGHEST_EXPONENT = Float.MAX_EXPONENT + 1 - 11;

  private final long[] positive = new long[BINS];
  private final long[] negative = new long[BINS];
  private int exponent = LOWEST_EXPONENT;

  /// A histogram with these counts.
  ///
  /// @param exponent of the width: 2^exponent
  /// @param negative counts by magnitude, at most [#BINS]
  /// @param positive counts by magnitude, at most [#BINS]
  /// @throws IllegalArgumentException if there are more bins, or the exponent is out of range
  public static Histogram of(int exponent, long[] negative, long[] positive) {
    if (exponent < LOWEST_EXPONENT || exponent > HIGHEST_EXPONENT) {
      throw new IllegalArgumentException("width 2^" + exponent);
    }
    if (negative.length > BINS || positive.length > BINS) {
      throw new IllegalArgumentException("more than " + BINS + " bins");
    }
    Histogram histogram = new Histogram();
    histogram.exponent = exponent;
    System.arraycopy(negative, 0, histogram.negative, 0, negative.length);
    System.arraycopy(positive, 0, histogram.positive, 0, positive.length);
    return histogram;
  }

  /// Makes room for magnitudes up to `largest`.
  ///
  /// @param largest finite
  public void fit(float largest) {
    if (!(Math.abs(largest) <= Float.MAX_VALUE)) {
      throw new IllegalArgumentException("magnitude " + largest);
    }
    int wanted = Math.max(LOWEST_EXPONENT, Math.getExponent(largest) + 1 - 11); // BINS is 2^11
    widen(wanted);
  }

  /// Adds `values[from … to)`, which are finite and within what {@link #fit} made room for.
  public void add(float[] values, int from, int to) {
    float inverse = Math.scalb(1f, -exponent); // a power of two: the product is exact
    for (int i = from; i < to; i++) {
      float value = values[i];
      int bin = (int) (Math.abs(value) * inverse);
      if (value < 0) {
        negative[bin]++;
      } else {
        positive[bin]++;
      }
    }
  }

  /// Adds the counts of `other`.
  public void merge(Histogram other) {
    widen(other.exponent);
    int shift = Math.min(31, exponent - other.exponent);
    for (int bin = 0; bin < BINS; bin++) {
      positive[bin >> shift] += other.positive[bin];
      negative[bin >> shift] += other.negative[bin];
    }
  }

  private void widen(int wanted) {
    if (wanted <= exponent) {
      return;
    }
    int shift = Math.min(31, wanted - exponent);
    halve(positive, shift);
    halve(negative, shift);
    exponent = wanted;
  }

  private static void halve(long[] counts, int shift) {
    for (int bin = 0; bin < BINS; bin++) {
      long count = counts[bin];
      counts[bin] = 0;
      counts[bin >> shift] += count;
    }
  }

  /// log2 of the width of a bin.
  public int exponent() {
    return exponent;
  }

  /// The width of a bin.
  public double width() {
    return Math.scalb(1.0, exponent);
  }

  /// Counts of negative numbers by magnitude, up to the last bin in use.
  public long[] negative() {
    return trimmed(negative);
  }

  /// Counts of zero and positive numbers by magnitude, up to the last bin in use.
  public long[] positive() {
    return trimmed(positive);
  }

  /// Counts of all numbers by magnitude, up to the last bin in use.
  public long[] magnitudes() {
    long[] sums = positive.clone();
    for (int bin = 0; bin < BINS; bin++) {
      sums[bin] += negative[bin];
    }
    return trimmed(sums);
  }

  /// How many numbers lie in bins wholly outside a range; a bin that an end cuts does not count.
  public long outside(Range range) {
    double inner = Math.max(0, -range.min()) / width();
    double outer = Math.max(0, range.max()) / width();
    long count = 0;
    for (int bin = 0; bin < BINS; bin++) {
      count +=
          (bin >= inner && bin > 0 ? negative[bin] : 0)
              + (bin >= outer && bin > 0 ? positive[bin] : 0);
    }
    return count;
  }

  /// How many numbers were added.
  public long count() {
    return Arrays.stream(magnitudes()).sum();
  }

  private static long[] trimmed(long[] counts) {
    int end = counts.length;
    while (end > 0 && counts[end - 1] == 0) {
      end--;
    }
    return Arrays.copyOf(counts, end);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Histogram that
        && exponent == that.exponent
        && Arrays.equals(positive, that.positive)
        && Arrays.equals(negative, that.negative);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(positive) + Arrays.hashCode(negative) + exponent;
  }

  @Override
  public String toString() {
    return count() + " numbers in bins of 2^" + exponent;
  }
}
