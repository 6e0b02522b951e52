package dev.fettle.quantize.kernel;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.kernel.Kernels;
import java.lang.foreign.MemorySegment;

/// Integers with scales, one row of a matrix at a time.
///
/// A row of codes of fewer than 8 bits is a stream of bits, least significant first: code `i` is in
/// the bits from `i · bits` on, without a sign. Codes of 8 bits are bytes in two's complement.
/// Scales and zero points belong to consecutive runs of `groupSize` weights; zero points are given
/// in the numbering of the stored codes.
public sealed interface AffineKernels permits ScalarAffineKernels, VectorAffineKernels {
  /// The pair's member in use.
  static AffineKernels get() {
    return Holder.KERNELS;
  }

  /// Keeps the choice out of the interface's own initialisation.
  final class Holder {
    private static final AffineKernels KERNELS =
        Kernels.select(() -> new VectorAffineKernels(), () -> new ScalarAffineKernels());

    private Holder() {}
  }

  /// Widens `min` and `max` of each run by the weights in it. A run with a NaN gets a NaN.
  ///
  /// @param weight F32, F16 or BF16
  /// @param min one value per run, for a start +infinity
  /// @param max one value per run, for a start −infinity
  void ranges(
      MemorySegment weight, DType dtype, int count, int groupSize, float[] min, float[] max);

  /// `code = clamp(round(w / scale) + zero, codeMin, codeMax)`, ties to even. The weights are
  /// finite.
  ///
  /// @param codes receives the row; bits beyond the last code are cleared up to the next byte
  void quantize(
      MemorySegment weight,
      DType dtype,
      int count,
      int groupSize,
      float[] scales,
      float[] zeros,
      CodeRange range,
      MemorySegment codes);

  /// `w = (code - zero) * scale` in float32, rounded to `target`.
  void dequantize(
      MemorySegment codes,
      int bits,
      int count,
      int groupSize,
      float[] scales,
      float[] zeros,
      DType target,
      MemorySegment out);

  /// As the other `dequantize`, where the groups are not runs of neighbours.
  ///
  /// @param groups the index, for `scales` and `zeros`, of each weight
  void dequantize(
      MemorySegment codes,
      int bits,
      int[] groups,
      float[] scales,
      float[] zeros,
      DType target,
      MemorySegment out);

  /// As the other `quantize`, where the groups are not runs of neighbours.
  ///
  /// @param groups the index, for `scales` and `zeros`, of each weight
  default void quantize(
      MemorySegment weight,
      DType dtype,
      int[] groups,
      float[] scales,
      float[] zeros,
      CodeRange range,
      MemorySegment codes) {
    ScalarAffineKernels.quantizeIndexed(weight, dtype, groups, scales, zeros, range, codes);
  }

  /// The codes in use, in the numbering of the stored codes.
  ///
  /// @param bits 2 to 8
  record CodeRange(int bits, int min, int max) {}
}
