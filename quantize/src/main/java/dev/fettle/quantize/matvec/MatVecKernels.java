package dev.fettle.quantize.matvec;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.kernel.Kernels;
import java.lang.foreign.MemorySegment;

/// Sums of products of one weight row with float32 numbers. The members of the pair add in
/// different orders, so their results differ by the rounding of float32 sums.
public sealed interface MatVecKernels permits ScalarMatVecKernels, VectorMatVecKernels {
  /// The pair's member in use.
  static MatVecKernels get() {
    return Holder.KERNELS;
  }

  /// Keeps the choice out of the interface's own initialisation.
  final class Holder {
    private static final MatVecKernels KERNELS =
        Kernels.select(() -> new VectorMatVecKernels(), () -> new ScalarMatVecKernels());

    private Holder() {}
  }

  /// `Σ_k weight[k] · x[from + k]`
  ///
  /// @param weights F32 or BF16
  float dot(MemorySegment weights, DType dtype, float[] x, int from, int count);

  /// `Σ_g scales[g] Σ_{k in g} (code[k] − zeros[g]) · x[from + k]`
  ///
  /// @param codes signed bytes
  /// @param groupSize codes per scale; divides `count`
  float dotInt8(
      MemorySegment codes,
      float[] x,
      int from,
      int count,
      int groupSize,
      float[] scales,
      float[] zeros);

  /// As [#dotInt8] with two codes per byte, the even one in the low four bits, both without a sign.
  ///
  /// @param x holds the numbers of the even codes from `from` on, then those of the odd ones
  /// @param count even
  /// @param groupSize even
  float dotInt4(
      MemorySegment codes,
      float[] x,
      int from,
      int count,
      int groupSize,
      float[] scales,
      float[] zeros);
}
