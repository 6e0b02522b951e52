package dev.fettle.quantize;

import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Parallel;
import dev.fettle.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/// How the weights of one layer are distributed, before and after they were quantized.
///
/// @param module full path of the layer
/// @param mean of the weights before
/// @param deviation standard deviation, of all weights
/// @param kurtosis fourth central moment over the fourth power of the deviation; 3 for a normal
///   distribution, more where the tails are heavy; 0 if all weights are equal
/// @param outliers weights further than [#OUTLIER] deviations from the mean
/// @param limit the histograms reach from `-limit` to `limit`, the largest magnitude before
/// @param before counts over [#BINS] equal bins
/// @param after counts of the dequantized weights; those beyond the limit are in the outer bins
/// @param seconds that quantizing took
public record WeightDetails(
    String module,
    long count,
    double mean,
    double deviation,
    double kurtosis,
    long outliers,
    double limit,
    List<Long> before,
    List<Long> after,
    double seconds) {
  public static final int BINS = 64;

  /// An outlier lies six standard deviations from the mean: two in a billion normal numbers do.
  public static final double OUTLIER = 6;

  /// Weights looked at by one thread at a time.
  private static final long GRAIN = 1 << 18;

  /// Weights converted at once.
  private static final long CHUNK = 1 << 13;

  public WeightDetails {
    before = List.copyOf(before);
    after = List.copyOf(after);
  }

  WeightDetails withSeconds(double taken) {
    return new WeightDetails(
        module, count, mean, deviation, kurtosis, outliers, limit, before, after, taken);
  }

  /// `Σ w²`, the energy of the weights.
  public double sumOfSquares() {
    return count * (deviation * deviation + mean * mean);
  }

  /// @param weight F32, F16 or BF16 `[out, in]`, finite, accessible from any thread
  /// @param quantized of the same shape
  public static WeightDetails of(
      String module, HostTensor weight, QuantizedTensor quantized, double seconds) {
    Shape shape = weight.shape();
    long columns = Math.max(1, shape.dim(1));
    Rows exact =
        (from, to, out) -> {
          int width = weight.dtype().bytes();
          MemorySegment part =
              weight.data().asSlice(from * columns * width, (to - from) * columns * width);
          Shape flat = Shape.of((to - from) * columns);
          Casts.toFloat(new HostTensor(weight.dtype(), flat, part), out);
        };
    Rows approximate = (from, to, out) -> quantized.dequantizeRows(from, to, DType.F32, out);
    Sums sums = new Sums();
    scan(shape, exact, Sums::new, Sums::add).forEach(sums::merge);
    double mean = sums.mean();
    double deviation = Math.sqrt(sums.variance());
    double limit = sums.largest;
    Counts before = new Counts(mean, OUTLIER * deviation, limit);
    scan(shape, exact, before::empty, Counts::add).forEach(before::merge);
    Counts after = before.empty();
    scan(shape, approximate, before::empty, Counts::add).forEach(after::merge);
    return new WeightDetails(
        module,
        sums.count,
        mean,
        deviation,
        sums.kurtosis(),
        before.outliers,
        limit,
        LongStream.of(before.bins).boxed().toList(),
        LongStream.of(after.bins).boxed().toList(),
        seconds);
  }

  private interface Rows {
    void read(long from, long to, MemorySegment out);
  }

  private interface Visitor<T> {
    void add(T part, float value);
  }

  /// Visits every weight; the results of the parts are in their order, whatever the threads.
  private static <T> List<T> scan(Shape shape, Rows rows, Supplier<T> empty, Visitor<T> visitor) {
    long columns = Math.max(1, shape.dim(1));
    long perPart = Math.max(1, GRAIN / columns);
    long perChunk = Math.max(1, CHUNK / columns);
    int parts = (int) ((shape.dim(0) + perPart - 1) / perPart);
    List<T> results = IntStream.range(0, parts).mapToObj(_ -> empty.get()).toList();
    Parallel.forRange(
        shape.dim(0),
        perPart,
        (first, last) -> {
          T part = results.get((int) (first / perPart));
          try (Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(4 * perChunk * columns, 4);
            for (long from = first; from < last; from += perChunk) {
              long to = Math.min(last, from + perChunk);
              long count = (to - from) * columns;
              rows.read(from, to, buffer.asSlice(0, 4 * count));
              for (long i = 0; i < count; i++) {
                visitor.add(part, buffer.get(HostTensor.F32_LAYOUT, 4 * i));
              }
            }
          }
        });
    return results;
  }

  /// Sums of powers; weights lie around zero, so that nothing cancels.
  private static final class Sums {
    private long count;
    private double first;
    private double second;
    private double third;
    private double fourth;
    private float largest;

    void add(float value) {
      double square = (double) value * value;
      count++;
      first += value;
      second += square;
      third += square * value;
      fourth += square * square;
      largest = Math.max(largest, Math.abs(value));
    }

    void merge(Sums other) {
      count += other.count;
      first += other.first;
      second += other.second;
      third += other.third;
      fourth += other.fourth;
      largest = Math.max(largest, other.largest);
    }

    double mean() {
      return count == 0 ? 0 : first / count;
    }

    double variance() {
      return count == 0 ? 0 : Math.max(0, second / count - mean() * mean());
    }

    double kurtosis() {
      double variance = variance();
      if (variance == 0) {
        return 0;
      }
      double mean = mean();
      double central =
          fourth / count
              - 4 * mean * third / count
              + 6 * mean * mean * second / count
              - 3 * mean * mean * mean * mean;
      return central / (variance * variance);
    }
  }

  private static final class Counts {
    private final double mean;
    private final double away;
    private final double limit;
    private final long[] bins = new long[BINS];
    private long outliers;

    Counts(double mean, double away, double limit) {
      this.mean = mean;
      this.away = away;
      this.limit = limit;
    }

    Counts empty() {
      return new Counts(mean, away, limit);
    }

    void add(float value) {
      if (Math.abs(value - mean) > away) {
        outliers++;
      }
      double place = limit == 0 ? 0.5 : (value / limit + 1) / 2;
      bins[Math.clamp((int) (place * BINS), 0, BINS - 1)]++;
    }

    void merge(Counts other) {
      outliers += other.outliers;
      for (int i = 0; i < BINS; i++) {
        bins[i] += other.bins[i];
      }
    }
  }
}
