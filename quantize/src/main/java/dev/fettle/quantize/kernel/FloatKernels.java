package dev.fettle.quantize.kernel;

import dev.fettle.quantize.Float8Format;
import dev.fettle.tensor.kernel.Kernels;
import java.lang.foreign.MemorySegment;

/// Conversions of a run of float32 to small floating-point numbers and back. Segments start with
/// the run; `count` is its length in weights. Weights are finite.
public sealed interface FloatKernels permits ScalarFloatKernels, VectorFloatKernels {
  /// Weights per block of MXFP4.
  int MX_BLOCK = 32;

  /// Weights per block of NVFP4.
  int NV_BLOCK = 16;

  /// The E4M3 code of 0.125, the scale of an NVFP4 block whose own would round to zero.
  int NV_LEAST_SCALE = 0x20;

  /// The pair's member in use.
  static FloatKernels get() {
    return Holder.KERNELS;
  }

  /// Keeps the choice out of the interface's own initialisation.
  final class Holder {
    private static final FloatKernels KERNELS =
        Kernels.select(() -> new VectorFloatKernels(), () -> new ScalarFloatKernels());

    private Holder() {}
  }

  /// The largest magnitude; infinity is above all numbers and NaN above infinity.
  float largest(MemorySegment floats, long count);

  /// The code nearest to `w / scale`, beyond the format's range that of its largest number.
  void quantizeFloat8(
      Float8Format format, MemorySegment floats, long count, float scale, MemorySegment codes);

  /// `w = number of the code * scale` in float32.
  void dequantizeFloat8(
      Float8Format format, MemorySegment codes, long count, float scale, MemorySegment floats);

  /// The scale of each block and the E2M1 code nearest to `w / scale`. The scale is the power of
  /// two `2^(e - 2)` with `2^e` the power of two nearest to the block's largest magnitude, where
  /// 1.75 and more counts as 2 (the largest that rounds to 6 and not to 4 times 2, as in
  /// compressed-tensors; the OCP specification always goes down, and clips more).
  ///
  /// @param count a multiple of 32
  /// @param packed receives two codes per byte, the first of a pair in the low four bits
  /// @param exponents receives an E8M0 code per block
  void quantizeMxfp4(
      MemorySegment floats, long count, MemorySegment packed, MemorySegment exponents);

  /// `w = number of the code * 2^(exponent - 127)`.
  void dequantizeMxfp4(
      MemorySegment packed, MemorySegment exponents, long count, MemorySegment floats);

  /// The scale of each block, the E4M3 number nearest to `globalScale * (largest / 6)` but at least
  /// 0.125 where that is zero, and the E2M1 code nearest to `w / (scale / globalScale)`.
  ///
  /// @param count a multiple of 16
  /// @param packed receives two codes per byte, the first of a pair in the low four bits
  /// @param scales receives an E4M3 code per block
  void quantizeNvfp4(
      MemorySegment floats,
      long count,
      float globalScale,
      MemorySegment packed,
      MemorySegment scales);

  /// `w = number of the code * (scale / globalScale)`, each operation rounded to float32.
  void dequantizeNvfp4(
      MemorySegment packed,
      MemorySegment scales,
      long count,
      float globalScale,
      MemorySegment floats);
}
