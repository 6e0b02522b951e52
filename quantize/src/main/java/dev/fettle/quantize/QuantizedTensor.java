package dev.fettle.quantize;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.Parallel;
import dev.fettle.tensor.Shape;
import java.lang.foreign.MemorySegment;

/// A weight in a compact number format, over memory that someone else owns: a mapped file, an arena
/// or the heap.
public sealed interface QuantizedTensor
    permits AffineTensor,
        CodebookTensor,
        Float8Tensor,
        GgmlTensor,
        LlmInt8Tensor,
        Mxfp4Tensor,
        Nvfp4Tensor {
  /// Weights converted by one thread at a time.
  long GRAIN = 1 << 17;

  /// Dimensions of the weight, not of the packed data.
  Shape shape();

  /// Dtype of the weight before quantization.
  DType originalDtype();

  /// Bytes of the packed weight and its scales.
  long byteSize();

  Scheme scheme();

  /// Writes the weight row-major as `target` to `out`. Each number is computed in float32 and then
  /// rounded to nearest even, so the result does not depend on threads or processor.
  ///
  /// @param target F32, F16 or BF16
  /// @param out `shape().elements() * target.bytes()` bytes, accessible from any thread
  /// @throws IllegalArgumentException for another dtype or size
  void dequantize(DType target, MemorySegment out);

  /// Writes rows `from` to `to` of a matrix to the start of `out`, on the calling thread; otherwise
  /// as [#dequantize].
  void dequantizeRows(long from, long to, DType target, MemorySegment out);

  /// Rows converted by one thread at a time.
  static long rowsPerPart(Shape shape) {
    return Math.max(1, GRAIN / Math.max(1, shape.dim(1)));
  }

  /// Writes the numbers of units (rows or weights) `from` to `to` to the start of `out`.
  @FunctionalInterface
  interface Part {
    void dequantize(long from, long to, DType target, MemorySegment out);
  }

  /// Dequantizes part after part, on all processors.
  ///
  /// @param units how many rows or weights there are
  /// @param perPart units of one thread at a time
  /// @param out as for [#dequantize], whose arguments are checked here
  static void inParts(
      QuantizedTensor tensor,
      long units,
      long perPart,
      DType target,
      MemorySegment out,
      Part part) {
    checkTarget(tensor, target, out);
    long width = units == 0 ? 0 : tensor.shape().elements() / units * target.bytes();
    Parallel.forRange(
        units,
        perPart,
        (from, to) ->
            part.dequantize(from, to, target, out.asSlice(from * width, (to - from) * width)));
  }

  private static void checkTarget(QuantizedTensor tensor, DType target, MemorySegment out) {
    switch (target) {
      case F32, F16, BF16 -> {}
      case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
          throw new IllegalArgumentException("cannot dequantize to " + target);
    }
    long expected = tensor.shape().elements() * target.bytes();
    if (out.byteSize() != expected) {
      throw new IllegalArgumentException(
          "%s as %s takes %d bytes, got %d"
              .formatted(tensor.shape(), target, expected, out.byteSize()));
    }
  }
}
