package dev.fettle.tensor;

import dev.fettle.tensor.kernel.CastKernels;
import dev.fettle.tensor.kernel.Kernels;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/// Conversions between float32 and the 16-bit and 8-bit formats, bit-equal to IEEE 754 and to
/// PyTorch (round to nearest, ties to even); see [Float8] for what lies beyond the 8-bit range.
public final class Casts {
  private Casts() {}

  /// bfloat16 is the upper half of a float32 (sign, 8 exponent bits, 7 mantissa bits).
  public static float bf16ToFloat(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /// Round to nearest, ties to even; every NaN becomes the quiet NaN 0x7FC0, as in PyTorch.
  public static short floatToBf16(float value) {
    if (Float.isNaN(value)) {
      return (short) 0x7FC0;
    }
    int bits = Float.floatToRawIntBits(value);
    return (short) ((bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16);
  }

  /// Numbers converted by one thread at a time; a few hundred microseconds of memory traffic.
  private static final long GRAIN = 1 << 18;

  /// A thread that owns no memory; it is never started.
  private static final Thread ANY_THREAD = Thread.ofPlatform().unstarted(() -> {});

  /// Writes `source` (F32, F16, BF16, F8_E4M3 or F8_E5M2) as float32 to `target`, which holds four
  /// bytes per element. Runs on all processors unless a segment is confined to the calling thread.
  ///
  /// @throws IllegalStateException for other dtypes
  public static void toFloat(HostTensor source, MemorySegment target) {
    CastKernels kernels = Kernels.casts();
    MemorySegment data = source.data();
    long count = source.elements();
    switch (source.dtype()) {
      case F32 -> MemorySegment.copy(data, 0, target, 0, 4 * count);
      case F16 -> run(kernels::f16ToFloat, data, 2, target, 4, count);
      case BF16 -> run(kernels::bf16ToFloat, data, 2, target, 4, count);
      case F8_E4M3 -> run(kernels::e4m3ToFloat, data, 1, target, 4, count);
      case F8_E5M2 -> run(kernels::e5m2ToFloat, data, 1, target, 4, count);
      case F64, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
          throw new IllegalStateException("no conversion from " + source.dtype() + " to float32");
    }
  }

  /// Writes `count` float32 from `source` as `dtype` (F32, F16, BF16, F8_E4M3 or F8_E5M2) to
  /// `target`. Runs on all processors unless a segment is confined to the calling thread.
  ///
  /// @throws IllegalStateException for other dtypes
  public static void fromFloat(
      MemorySegment source, long count, DType dtype, MemorySegment target) {
    CastKernels kernels = Kernels.casts();
    switch (dtype) {
      case F32 -> MemorySegment.copy(source, 0, target, 0, 4 * count);
      case F16 -> run(kernels::floatToF16, source, 4, target, 2, count);
      case BF16 -> run(kernels::floatToBf16, source, 4, target, 2, count);
      case F8_E4M3 -> run(kernels::floatToE4m3, source, 4, target, 1, count);
      case F8_E5M2 -> run(kernels::floatToE5m2, source, 4, target, 1, count);
      case F64, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
          throw new IllegalStateException("no conversion from float32 to " + dtype);
    }
  }

  /// The tensor in another floating-point dtype, rounded to nearest even.
  ///
  /// @param dtype F32, F16 or BF16
  /// @param allocator where the result goes, unless the tensor has that dtype already
  /// @return `tensor` itself if it has that dtype, or holds no floating-point numbers
  public static HostTensor to(DType dtype, HostTensor tensor, SegmentAllocator allocator) {
    if (tensor.dtype() == dtype || !tensor.dtype().isFloat()) {
      return tensor;
    }
    MemorySegment out = allocator.allocate(tensor.elements() * dtype.bytes(), 64);
    if (dtype == DType.F32) {
      toFloat(tensor, out);
    } else {
      MemorySegment floats = allocator.allocate(4 * tensor.elements(), 64);
      toFloat(tensor, floats);
      fromFloat(floats, tensor.elements(), dtype, out);
    }
    return new HostTensor(dtype, tensor.shape(), out);
  }

  private interface Cast {
    void run(MemorySegment source, MemorySegment target, long count);
  }

  private static void run(
      Cast cast,
      MemorySegment source,
      int sourceBytes,
      MemorySegment target,
      int targetBytes,
      long count) {
    boolean shared = source.isAccessibleBy(ANY_THREAD) && target.isAccessibleBy(ANY_THREAD);
    Parallel.forRange(
        count,
        shared ? GRAIN : Math.max(1, count),
        (from, to) ->
            cast.run(
                source.asSlice(from * sourceBytes, (to - from) * sourceBytes),
                target.asSlice(from * targetBytes, (to - from) * targetBytes),
                to - from));
  }
}
