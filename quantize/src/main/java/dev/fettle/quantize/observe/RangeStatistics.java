package dev.fettle.quantize.observe;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What is remembered of a stream of numbers that comes in batches: how many, how many were not
/// finite, smallest and largest of each batch, and the histogram of all.
///
/// Merging the statistics of two streams gives those of one after the other, exactly.
public final class RangeStatistics {
  private final Histogram histogram = new Histogram();
  private final List<Range> batches = new ArrayList<>();
  private long count;
  private long nan;
  private long infinite;

  /// Statistics that were stored.
  ///
  /// @param batches smallest and largest finite number of each batch
  public static RangeStatistics of(
      long count, long nan, long infinite, List<Range> batches, Histogram histogram) {
    RangeStatistics statistics = new RangeStatistics();
    statistics.count = count;
    statistics.nan = nan;
    statistics.infinite = infinite;
    statistics.batches.addAll(batches);
    statistics.histogram.merge(histogram);
    return statistics;
  }

  /// Adds one batch of finite numbers.
  public void add(float[] values) {
    if (values.length == 0) {
      return;
    }
    float min = Float.POSITIVE_INFINITY;
    float max = Float.NEGATIVE_INFINITY;
    for (float value : values) {
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
    addBatch(new Range(min, max), values.length);
    histogram.fit(Math.max(-min, max));
    histogram.add(values, 0, values.length);
  }

  /// Counts a batch of `count` numbers in `range`; who calls this adds them to {@link #histogram}
  /// himself.
  public void addBatch(Range range, long count) {
    batches.add(range);
    this.count += count;
  }

  /// Counts numbers of the stream that were not finite; whether they are also in the histogram, as
  /// zeros, is for the caller to decide.
  public void addNotFinite(long nan, long infinite) {
    this.nan += nan;
    this.infinite += infinite;
  }

  /// Adds what followed this stream.
  public void merge(RangeStatistics other) {
    histogram.merge(other.histogram);
    batches.addAll(other.batches);
    count += other.count;
    nan += other.nan;
    infinite += other.infinite;
  }

  /// Numbers in the histogram.
  public long count() {
    return count;
  }

  public long nan() {
    return nan;
  }

  public long infinite() {
    return infinite;
  }

  public Histogram histogram() {
    return histogram;
  }

  /// Smallest and largest number of each batch, in their order.
  public List<Range> batches() {
    return List.copyOf(batches);
  }

  /// Smallest and largest number.
  ///
  /// @throws IllegalStateException if there were none
  public Range range() {
    float min = Float.POSITIVE_INFINITY;
    float max = Float.NEGATIVE_INFINITY;
    for (Range batch : batches) {
      min = Math.min(min, batch.min());
      max = Math.max(max, batch.max());
    }
    if (batches.isEmpty()) {
      throw new IllegalStateException("no numbers were seen");
    }
    return new Range(min, max);
  }

  /// The smallest and largest number of a batch, as an exponential moving average over the batches
  /// that starts with the first: `m += constant · (x − m)` in float32. PyTorch's
  /// `MovingAverageMinMaxObserver`.
  public Range movingRange(float constant) {
    @Nullable Range moving = null;
    for (Range batch : batches) {
      moving =
          moving == null
              ? batch
              : new Range(
                  moving.min() + constant * (batch.min() - moving.min()),
                  moving.max() + constant * (batch.max() - moving.max()));
    }
    if (moving == null) {
      throw new IllegalStateException("no numbers were seen");
    }
    return moving;
  }
}
