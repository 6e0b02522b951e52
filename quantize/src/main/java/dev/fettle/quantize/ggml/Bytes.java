package dev.fettle.quantize.ggml;

import dev.fettle.tensor.HostTensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Numbers at byte offsets of a block.
final class Bytes {
  private Bytes() {}

  static float f32(MemorySegment segment, long at) {
    return segment.get(HostTensor.F32_LAYOUT, at);
  }

  static void putF32(MemorySegment segment, long at, float value) {
    segment.set(HostTensor.F32_LAYOUT, at, value);
  }

  static float f16(MemorySegment segment, long at) {
    return Float.float16ToFloat(segment.get(HostTensor.I16_LAYOUT, at));
  }

  /// Rounded to nearest even.
  static void putF16(MemorySegment segment, long at, float value) {
    segment.set(HostTensor.I16_LAYOUT, at, Float.floatToFloat16(value));
  }

  static int i32(MemorySegment segment, long at) {
    return segment.get(HostTensor.I32_LAYOUT, at);
  }

  static void putI32(MemorySegment segment, long at, int value) {
    segment.set(HostTensor.I32_LAYOUT, at, value);
  }

  static int u8(MemorySegment segment, long at) {
    return segment.get(ValueLayout.JAVA_BYTE, at) & 0xFF;
  }

  static int i8(MemorySegment segment, long at) {
    return segment.get(ValueLayout.JAVA_BYTE, at);
  }

  /// The low eight bits of `value`.
  static void put8(MemorySegment segment, long at, int value) {
    segment.set(ValueLayout.JAVA_BYTE, at, (byte) value);
  }
}
