package dev.fettle.quantize.integer;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.kernel.Kernels;
import java.lang.foreign.MemorySegment;

/// The inner loops of integer products. All codes are signed bytes. Both members of the pair give
/// the same bits.
public sealed interface IntegerKernels permits ScalarIntegerKernels, VectorIntegerKernels {
  /// Columns that int32 can sum without overflow when both operands are −128 everywhere.
  long MAX_COLUMNS = Integer.MAX_VALUE / (128L * 128L);

  /// Columns that int32 can sum without overflow when codes less their zero points reach 255.
  long MAX_COLUMNS_WITH_ZERO_POINTS = Integer.MAX_VALUE / (255L * 255L);

  /// The pair's member in use.
  static IntegerKernels get() {
    return Holder.KERNELS;
  }

  /// Keeps the choice out of the interface's own initialisation.
  final class Holder {
    private static final IntegerKernels KERNELS =
        Kernels.select(() -> new VectorIntegerKernels(), () -> new ScalarIntegerKernels());

    private Holder() {}
  }

  /// `sums[r][c] = Σ_k a[r][k] · b[c][k]` for rows `from` to `to` of `b`.
  ///
  /// @param a `[rows, columns]`
  /// @param b `[outputs, columns]`
  /// @param columns at most [#MAX_COLUMNS]
  /// @param sums int32 `[rows, outputs]`; only columns `from` to `to` are written
  void multiply(
      MemorySegment a,
      int rows,
      MemorySegment b,
      long outputs,
      long from,
      long to,
      int columns,
      MemorySegment sums);

  /// The sum of codes.
  ///
  /// @param count at most `Integer.MAX_VALUE / 128`
  int sum(MemorySegment codes, int count);

  /// Raises `maxima` to the magnitudes of one row: `maxima[k] = max(maxima[k], |x[k]|)`; a NaN
  /// stays.
  ///
  /// @param x F32 or BF16, one number per element of `maxima`
  void raiseMaxima(MemorySegment x, DType dtype, float[] maxima);

  /// One row of integer sums as numbers: with the zero points taken out,
  ///
  /// ```
  /// out[c] = float(sums[c] − zero · weights.sums[c] − weights.zeros[c] · (rowSum − columns · zero))
  ///          · (scale · weights.scales[c]) · factor
  /// ```
  ///
  /// in this order, each operation rounded to float32, the last result to `target`. It follows from
  /// `Σ (a − zero)(b − zero') = Σ ab − zero Σ b − zero' Σ a + columns · zero · zero'`; Jacob et al.
  /// 2018, arXiv:1712.05877, equation 7.
  ///
  /// @param sums int32, one per output
  /// @param row how the row was quantized
  /// @param factor 1, or what a format multiplies all scales with
  void rescale(
      MemorySegment sums,
      ActivationRow row,
      WeightFactors weights,
      float factor,
      DType target,
      MemorySegment out);

  /// How one row of activations was quantized.
  ///
  /// @param scale of the row
  /// @param zero its zero point, in the numbering of the signed codes
  /// @param sum of its codes; used only where the weights have zero points
  record ActivationRow(float scale, int zero, int sum) {}
}
