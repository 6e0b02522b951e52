package dev.fettle.model;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.quantize.ActivationQuantization;
import dev.fettle.quantize.AffineGrid;
import dev.fettle.quantize.AffineParameters;
import dev.fettle.quantize.AffineScales;
import dev.fettle.quantize.kernel.AffineKernels;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.Parallel;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// Rounds the input of a layer while training, as {@link AffineIntegerLinear} will when computing
/// on integers. Per token the range is that of the row; per tensor it is observed: a moving average
/// of each batch's smallest and largest number, as PyTorch's `MovingAverageMinMaxObserver` keeps
/// it, until it is frozen.
public final class InputQuantization {
  /// How much of a new batch's range enters the average; PyTorch's default.
  private static final float AVERAGING = 0.01f;

  private static final long GRAIN = 1L << 15;

  private final ActivationQuantization scheme;
  private final DType storedDType;
  private final AffineGrid grid;
  private final int shift;
  private float min = Float.NaN;
  private float max = Float.NaN;
  private boolean frozen;

  /// @param storedDType in which a static scale is stored: F32, F16 or BF16
  public InputQuantization(ActivationQuantization scheme, DType storedDType) {
    this.scheme = scheme;
    this.storedDType = storedDType;
    this.grid = scheme.scheme().grid();
    this.shift = grid.signed() ? 0 : -128; // codes are signed bytes
  }

  public ActivationQuantization scheme() {
    return scheme;
  }

  /// Stops observing, or starts again.
  public void freeze(boolean stop) {
    frozen = stop;
  }

  /// The observed range, smallest and largest; NaN before the first batch.
  public float[] range() {
    return new float[] {min, max};
  }

  /// Sets the observed range, as {@link #range} gave it.
  public void range(float[] range) {
    min = range[0];
    max = range[1];
  }

  /// Scale and zero point of a static scheme, as they will be read from a checkpoint.
  ///
  /// @throws IllegalStateException if nothing was observed yet
  public AffineParameters parameters() {
    if (Float.isNaN(min)) {
      throw new IllegalStateException("no input was observed");
    }
    AffineParameters exact = grid.parameters(min, max);
    return grid.rescaled(exact, min, AffineScales.storedScale(exact.scale(), storedDType));
  }

  /// @param values the rounded input
  /// @param inside 1 where the input was inside the range, 0 where it was clipped; null if none can
  ///   be clipped
  record Rounded(Tensor values, @Nullable Tensor inside) {
    /// Keeps what the gradient needs beyond the scope.
    void keep(Scope scope) {
      scope.keep(values);
      if (inside != null) {
        scope.keep(inside);
      }
    }
  }

  /// @param x `[rows, in]`, F32 or BF16, contiguous
  /// @param observe whether this batch counts for the range
  Rounded round(Tensor x, boolean observe) {
    int rows = Math.toIntExact(x.size(0));
    int columns = Math.toIntExact(x.size(1));
    MemorySegment from = x.segment();
    Tensor out = Tensors.empty(x.dtype(), rows, columns);
    MemorySegment to = out.segment();
    @Nullable AffineParameters fixed = null;
    if (!scheme.dynamic()) {
      if (observe) {
        observe(x);
      }
      fixed = parameters();
    }
    @Nullable AffineParameters all = fixed;
    long bytes = (long) columns * x.dtype().bytes();
    Parallel.forRange(
        rows,
        Math.max(1, GRAIN / Math.max(1, columns)),
        (first, last) -> {
          try (Arena arena = Arena.ofConfined()) {
            MemorySegment codes = arena.allocate(columns, 64);
            for (long row = first; row < last; row++) {
              MemorySegment source = from.asSlice(row * bytes, bytes);
              AffineParameters parameters = all == null ? ofRow(source, x.dtype(), columns) : all;
              roundRow(
                  source, x.dtype(), columns, parameters, codes, to.asSlice(row * bytes, bytes));
            }
          }
        });
    return new Rounded(out, fixed == null ? null : inside(x, fixed));
  }

  private AffineParameters ofRow(MemorySegment row, DType dtype, int columns) {
    float[] low = {Float.POSITIVE_INFINITY};
    float[] high = {Float.NEGATIVE_INFINITY};
    AffineKernels.get().ranges(row, dtype, columns, columns, low, high);
    return grid.parameters(low[0], high[0]);
  }

  private void roundRow(
      MemorySegment source,
      DType dtype,
      int columns,
      AffineParameters parameters,
      MemorySegment codes,
      MemorySegment target) {
    float[] scale = {parameters.scale()};
    float[] zero = {parameters.zeroPoint() + shift};
    AffineKernels.CodeRange range =
        new AffineKernels.CodeRange(8, grid.qMin() + shift, grid.qMax() + shift);
    AffineKernels kernels = AffineKernels.get();
    kernels.quantize(source, dtype, columns, columns, scale, zero, range, codes);
    kernels.dequantize(codes, 8, columns, columns, scale, zero, dtype, target);
  }

  /// Lets a batch count for the range of a static scheme, unless it is frozen.
  ///
  /// @param x `[rows, in]`, contiguous
  void observe(Tensor x) {
    if (frozen || scheme.dynamic()) {
      return;
    }
    int columns = Math.toIntExact(x.size(1));
    MemorySegment data = x.segment();
    long bytes = (long) columns * x.dtype().bytes();
    float[] low = {Float.POSITIVE_INFINITY};
    float[] high = {Float.NEGATIVE_INFINITY};
    for (long row = 0; row < x.size(0); row++) {
      MemorySegment numbers = data.asSlice(row * bytes, bytes);
      AffineKernels.get().ranges(numbers, x.dtype(), columns, columns, low, high);
    }
    boolean first = Float.isNaN(min);
    min = first ? low[0] : min + AVERAGING * (low[0] - min);
    max = first ? high[0] : max + AVERAGING * (high[0] - max);
  }

  /// 1 where rounding stays on the grid, in the dtype of the input.
  private Tensor inside(Tensor x, AffineParameters parameters) {
    try (Scope scope = Scope.open()) {
      // the clipped numbers are those that round beyond the lowest or highest integer
      double low = (grid.qMin() - parameters.zeroPoint() - 0.5) * parameters.scale();
      double high = (grid.qMax() - parameters.zeroPoint() + 0.5) * parameters.scale();
      Tensor below = x.lessThan(low).to(x.dtype());
      Tensor notAbove = x.neg().lessThan(-high).to(x.dtype());
      return scope.keep(below.addInPlace(notAbove).neg().addInPlace(1));
    }
  }
}
