package dev.fettle.quantize.observe;

import dev.fettle.quantize.AffineScales;
import dev.fettle.quantize.QuantizedTensor;
import dev.fettle.quantize.Quantizer;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.WeightQuantizer;
import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Parallel;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import org.jspecify.annotations.Nullable;

/// Rounds to nearest on grids whose ranges an observer chooses: for every scale it looks at the
/// weights that share it, clips, and leaves finer steps to the rest.
///
/// * `min-max` and `moving-average` (there is one batch only) clip nothing;
/// * `mse` tries the full range and 79 narrower ones;
/// * `percentile` drops the largest magnitudes, which only changes something where more weights
///   share a scale than the percentile keeps;
/// * `entropy` compares distributions and needs some hundred weights per scale.
///
/// @param observer the rule
/// @param scaleDtype what scales are stored in: F32, F16 or BF16; null for the dtype of the weight
public record ObservedWeights(Observer observer, @Nullable DType scaleDtype)
    implements WeightQuantizer {
  /// Scales found by one thread at a time.
  private static final long GRAIN = 16;

  /// Bins of the histogram of one channel are this much wider than those of activations: a channel
  /// has some thousand weights.
  private static final float COARSER = 4;

  /// Scales in the dtype of the weight.
  public ObservedWeights(Observer observer) {
    this(observer, null);
  }

  @Override
  public QuantizedTensor quantize(
      String module, HostTensor weight, Scheme scheme, SegmentAllocator allocator) {
    String name = module + ".weight";
    boolean clips =
        switch (observer) {
          case Observer.MinMax _, Observer.MovingAverage _ -> false;
          case Observer.Percentile _, Observer.Entropy _, Observer.Mse _ -> true;
        };
    if (!clips) {
      return Quantizer.quantize(name, weight, scheme, scaleDtype, allocator);
    }
    if (!(scheme instanceof Scheme.Affine affine)) {
      throw new UserException(
          "A weight observer chooses ranges of integer schemes, and %s has none; leave out --weight-observer."
              .formatted(scheme));
    }
    Quantizer.requireFinite(name, weight);
    AffineScales scales =
        new AffineScales(name, weight.shape(), weight.dtype(), scaleDtype, affine, null, allocator);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment floats = arena.allocate(Float.BYTES * Math.max(1, weight.elements()), 64);
      Casts.toFloat(weight, floats);
      choose(name, weight, floats, scales);
    }
    return scales.round(weight, allocator);
  }

  private void choose(String name, HostTensor weight, MemorySegment floats, AffineScales scales) {
    long columns = weight.shape().dim(1);
    Parallel.forRange(
        (long) scales.rows() * scales.columns(),
        GRAIN,
        (from, to) -> {
          for (long index = from; index < to; index++) {
            long row = index / scales.columns() * scales.rowsPerScale();
            long column = index % scales.columns() * scales.columnsPerScale();
            long rows = Math.min(scales.rowsPerScale(), weight.shape().dim(0) - row);
            int width = (int) Math.min(scales.columnsPerScale(), columns - column);
            float[] values = new float[Math.toIntExact(rows * width)];
            for (int r = 0; r < rows; r++) {
              MemorySegment.copy(
                  floats,
                  HostTensor.F32_LAYOUT,
                  Float.BYTES * ((row + r) * columns + column),
                  values,
                  r * width,
                  width);
            }
            Range range = range(name, values, scales);
            scales.set((int) index, range.min(), range.max());
          }
        });
  }

  private Range range(String name, float[] values, AffineScales scales) {
    return switch (observer) {
      case Observer.MinMax _, Observer.MovingAverage _ -> WeightRanges.full(values);
      case Observer.Mse _ -> WeightRanges.leastSquares(values, scales.grid());
      case Observer.Percentile percentile ->
          WeightRanges.percentile(values, scales.grid(), percentile.percent());
      case Observer.Entropy _ -> entropy(name, values, scales);
    };
  }

  private static Range entropy(String name, float[] values, AffineScales scales) {
    if (values.length < WeightRanges.ENTROPY_NUMBERS) {
      throw new UserException(
          "In '%s' %d weights share a scale, too few for a distribution (entropy needs %d); use --weight-observer mse, or one scale per channel."
              .formatted(name, values.length, WeightRanges.ENTROPY_NUMBERS));
    }
    Range full = WeightRanges.full(values);
    Histogram histogram = new Histogram();
    histogram.fit(Math.min(Float.MAX_VALUE, COARSER * full.largest()));
    histogram.add(values, 0, values.length);
    return ObserverRanges.entropy(histogram, full, scales.grid());
  }
}
