package dev.fettle.tensor.kernel;

import java.lang.foreign.MemorySegment;

/// Conversions of `count` consecutive numbers, little-endian, from the start of one segment to the
/// start of another. Rounding is to nearest, ties to even. Which NaN a NaN becomes is defined only
/// for bfloat16, the quiet NaN 0x7FC0, and the 8-bit formats, see [dev.fettle.tensor.Float8].
public sealed interface CastKernels permits ScalarCastKernels, VectorCastKernels {
  void bf16ToFloat(MemorySegment source, MemorySegment target, long count);

  void floatToBf16(MemorySegment source, MemorySegment target, long count);

  void f16ToFloat(MemorySegment source, MemorySegment target, long count);

  void floatToF16(MemorySegment source, MemorySegment target, long count);

  void e4m3ToFloat(MemorySegment source, MemorySegment target, long count);

  void floatToE4m3(MemorySegment source, MemorySegment target, long count);

  void e5m2ToFloat(MemorySegment source, MemorySegment target, long count);

  void floatToE5m2(MemorySegment source, MemorySegment target, long count);
}
