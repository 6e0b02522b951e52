package dev.fettle.quantize.kernel;

import dev.fettle.quantize.FourBitCode;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.kernel.Kernels;
import java.lang.foreign.MemorySegment;

/// Conversions of a run of weights between F32, F16 or BF16 and the quantized formats. Segments
/// start with the run; `count` is its length in weights.
public sealed interface QuantizeKernels permits ScalarQuantizeKernels, VectorQuantizeKernels {
  /// The pair's member in use.
  static QuantizeKernels get() {
    return Holder.KERNELS;
  }

  /// Keeps the choice out of the interface's own initialisation.
  final class Holder {
    private static final QuantizeKernels KERNELS =
        Kernels.select(() -> new VectorQuantizeKernels(), () -> new ScalarQuantizeKernels());

    private Holder() {}
  }

  /// `out[i] = level[index[i]] * absmax[i / blockSize]` in float32, rounded to `target`.
  ///
  /// @param packed `ceil(count / 2)` bytes, the first weight of a pair in the high four bits
  void dequantizeFourBit(
      FourBitCode code,
      MemorySegment packed,
      float[] absmax,
      int blockSize,
      long count,
      DType target,
      MemorySegment out);

  /// Finds the scale of each block and the nearest level of each weight, as bitsandbytes does:
  /// weights times the float32 reciprocal of the scale, in a short last block divided by the scale.
  /// A block with a NaN or infinity gets a scale that is not finite, and its indices mean nothing.
  ///
  /// @param packed receives `ceil(count / 2)` bytes; an unused last half is the index of 0.0
  /// @param absmax receives one scale per block
  void quantizeFourBit(
      FourBitCode code,
      MemorySegment weight,
      DType dtype,
      int blockSize,
      long count,
      MemorySegment packed,
      float[] absmax);

  /// `out[i] = codes[i] * absmax * (1/127)`, each product rounded to float32, then to `target`.
  void dequantizeInt8(
      MemorySegment codes, float absmax, long count, DType target, MemorySegment out);

  /// Rounds the row to float16, finds its largest magnitude and writes `round(w * (127 * (1 /
  /// absmax)))`, ties to even. A row of zeros gives zeros.
  ///
  /// @return the largest magnitude; not finite if the row holds NaN, infinity or a number beyond
  ///   float16, and then the codes mean nothing
  float quantizeInt8(MemorySegment weight, DType dtype, long count, MemorySegment codes);

  /// Adds to `sums` the error of `approximate` against `exact`, both `count` float32.
  void addErrors(MemorySegment exact, MemorySegment approximate, int count, ErrorSums sums);
}
