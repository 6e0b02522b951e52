package dev.fettle.calibrate;

import dev.fettle.quantize.NanPolicy;
import dev.fettle.quantize.observe.Histogram;
import dev.fettle.quantize.observe.Range;
import dev.fettle.quantize.observe.RangeStatistics;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Parallel;
import dev.fettle.tensor.UserException;
import java.lang.foreign.MemorySegment;

/// What is remembered of the inputs of one linear layer.
///
/// Everything but the sums of the channels is exact and independent of order; the sums are float64
/// in the order of the tokens, so they do not depend on threads.
public final class LayerStatistics {
  /// Columns that one thread adds up; a few kilobytes of each row.
  private static final long COLUMN_GRAIN = 512;

  /// Numbers that one thread counts into a histogram of its own.
  private static final long HISTOGRAM_GRAIN = 1 << 17;

  private final String path;
  private final RangeStatistics ranges;
  private final ChannelStatistics channels;

  LayerStatistics(String path, int channels) {
    this(path, new RangeStatistics(), new ChannelStatistics(channels));
  }

  LayerStatistics(String path, RangeStatistics ranges, ChannelStatistics channels) {
    this.path = path;
    this.ranges = ranges;
    this.channels = channels;
  }

  /// The layer, such as `model.layers.0.self_attn.q_proj`.
  public String path() {
    return path;
  }

  /// All numbers together.
  public RangeStatistics ranges() {
    return ranges;
  }

  /// Each input channel by itself.
  public ChannelStatistics channels() {
    return channels;
  }

  void merge(LayerStatistics other) {
    ranges.merge(other.ranges);
    channels.merge(other.channels);
  }

  /// Adds one batch of inputs. Numbers that are not finite are counted, and then count as zero.
  ///
  /// @param input F32 `[tokens, channels]`
  /// @throws UserException if a number is not finite and `policy` refuses that; the statistics are
  ///   of no use then
  void add(HostTensor input, NanPolicy policy) {
    Batch batch = new Batch(input, policy);
    if (batch.rows == 0) {
      return;
    }
    Parallel.forRange(batch.columns, COLUMN_GRAIN, batch::addColumns);
    batch.checkFinite();
    ranges.addBatch(new Range(batch.min, batch.max), batch.rows * batch.columns);
    ranges.addNotFinite(batch.nan, batch.infinite);
    ranges.histogram().fit(Math.max(-batch.min, batch.max));
    long rowsPerPart = Math.max(1, HISTOGRAM_GRAIN / batch.columns);
    Parallel.forRange(batch.rows, rowsPerPart, batch::count);
    channels.addTokens(batch.rows);
  }

  /// One batch of inputs on its way into the statistics; parts of it run on several threads.
  private final class Batch {
    private final MemorySegment data;
    private final NanPolicy policy;
    private final long rows;
    private final int columns;
    private float min = Float.POSITIVE_INFINITY;
    private float max = Float.NEGATIVE_INFINITY;
    private long nan;
    private long infinite;

    Batch(HostTensor input, NanPolicy policy) {
      this.data = input.data();
      this.policy = policy;
      this.rows = input.shape().dim(0);
      this.columns = Math.toIntExact(input.shape().dim(1));
      if (columns != channels.channels()) {
        throw new IllegalArgumentException(columns + " columns, not " + channels.channels());
      }
    }

    long notFinite() {
      return nan + infinite;
    }

    void addColumns(long from, long to) {
      float[] part = new float[(int) (to - from)];
      float low = Float.POSITIVE_INFINITY;
      float high = Float.NEGATIVE_INFINITY;
      long nans = 0;
      long infinities = 0;
      for (long row = 0; row < rows; row++) {
        read(row, from, part);
        for (int i = 0; i < part.length; i++) {
          float value = part[i];
          if (!(Math.abs(value) <= Float.MAX_VALUE)) {
            nans += Float.isNaN(value) ? 1 : 0;
            infinities += Float.isNaN(value) ? 0 : 1;
            value = 0;
          }
          low = Math.min(low, value);
          high = Math.max(high, value);
          channels.add((int) from + i, value);
        }
      }
      collect(low, high, nans, infinities);
    }

    private synchronized void collect(float low, float high, long nans, long infinities) {
      min = Math.min(min, low);
      max = Math.max(max, high);
      nan += nans;
      infinite += infinities;
    }

    void count(long from, long to) {
      float[] row = new float[columns];
      Histogram mine = Histogram.of(ranges.histogram().exponent(), new long[0], new long[0]);
      for (long r = from; r < to; r++) {
        read(r, 0, row);
        if (notFinite() > 0) {
          replaceNotFinite(row);
        }
        mine.add(row, 0, columns);
      }
      add(mine);
    }

    private synchronized void add(Histogram part) {
      ranges.histogram().merge(part);
    }

    private static void replaceNotFinite(float[] row) {
      for (int i = 0; i < row.length; i++) {
        if (!(Math.abs(row[i]) <= Float.MAX_VALUE)) {
          row[i] = 0;
        }
      }
    }

    private void read(long row, long column, float[] out) {
      MemorySegment.copy(
          data, HostTensor.F32_LAYOUT, Float.BYTES * (row * columns + column), out, 0, out.length);
    }

    void checkFinite() {
      if (notFinite() == 0 || policy == NanPolicy.ZERO) {
        return;
      }
      float[] values = new float[columns];
      for (long row = 0; row < rows; row++) {
        read(row, 0, values);
        for (int column = 0; column < columns; column++) {
          if (!(Math.abs(values[column]) <= Float.MAX_VALUE)) {
            throw new UserException(
                "On the calibration text the input of '%s' has the value %s at [%d, %d] ([token, channel], batch %d); check the model's weights, or use --nan-policy zero."
                    .formatted(path, values[column], row, column, ranges.batches().size() + 1));
          }
        }
      }
    }
  }
}
