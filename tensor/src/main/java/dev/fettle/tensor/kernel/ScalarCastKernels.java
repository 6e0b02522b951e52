package dev.fettle.tensor.kernel;

import static dev.fettle.tensor.HostTensor.F32_LAYOUT;
import static dev.fettle.tensor.HostTensor.I16_LAYOUT;

import dev.fettle.tensor.Casts;
import dev.fettle.tensor.Float8;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// The definition: one number at a time.
public final class ScalarCastKernels implements CastKernels {
  @Override
  public void bf16ToFloat(MemorySegment source, MemorySegment target, long count) {
    for (long i = 0; i < count; i++) {
      target.set(F32_LAYOUT, 4 * i, Casts.bf16ToFloat(source.get(I16_LAYOUT, 2 * i)));
    }
  }

  @Override
  public void floatToBf16(MemorySegment source, MemorySegment target, long count) {
    for (long i = 0; i < count; i++) {
      target.set(I16_LAYOUT, 2 * i, Casts.floatToBf16(source.get(F32_LAYOUT, 4 * i)));
    }
  }

  @Override
  public void f16ToFloat(MemorySegment source, MemorySegment target, long count) {
    for (long i = 0; i < count; i++) {
      target.set(F32_LAYOUT, 4 * i, Float.float16ToFloat(source.get(I16_LAYOUT, 2 * i)));
    }
  }

  @Override
  public void floatToF16(MemorySegment source, MemorySegment target, long count) {
    for (long i = 0; i < count; i++) {
      target.set(I16_LAYOUT, 2 * i, Float.floatToFloat16(source.get(F32_LAYOUT, 4 * i)));
    }
  }

  @Override
  public void e4m3ToFloat(MemorySegment source, MemorySegment target, long count) {
    for (long i = 0; i < count; i++) {
      target.set(F32_LAYOUT, 4 * i, Float8.e4m3ToFloat(source.get(ValueLayout.JAVA_BYTE, i)));
    }
  }

  @Override
  public void floatToE4m3(MemorySegment source, MemorySegment target, long count) {
    for (long i = 0; i < count; i++) {
      target.set(ValueLayout.JAVA_BYTE, i, Float8.floatToE4m3(source.get(F32_LAYOUT, 4 * i)));
    }
  }

  @Override
  public void e5m2ToFloat(MemorySegment source, MemorySegment target, long count) {
    for (long i = 0; i < count; i++) {
      target.set(F32_LAYOUT, 4 * i, Float8.e5m2ToFloat(source.get(ValueLayout.JAVA_BYTE, i)));
    }
  }

  @Override
  public void floatToE5m2(MemorySegment source, MemorySegment target, long count) {
    for (long i = 0; i < count; i++) {
      target.set(ValueLayout.JAVA_BYTE, i, Float8.floatToE5m2(source.get(F32_LAYOUT, 4 * i)));
    }
  }
}
