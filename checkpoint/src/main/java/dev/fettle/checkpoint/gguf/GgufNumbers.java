package dev.fettle.checkpoint.gguf;

import dev.fettle.tensor.HostTensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Numbers of fixed size at byte offsets, little-endian.
final class GgufNumbers {
  private GgufNumbers() {}

  /// @throws IllegalStateException for floating-point types
  static long wholeAt(GgufValueType type, MemorySegment data, long at) {
    return switch (type) {
      case U8 -> data.get(ValueLayout.JAVA_BYTE, at) & 0xFFL;
      case I8, BOOL -> data.get(ValueLayout.JAVA_BYTE, at);
      case U16 -> data.get(HostTensor.I16_LAYOUT, at) & 0xFFFFL;
      case I16 -> data.get(HostTensor.I16_LAYOUT, at);
      case U32 -> data.get(HostTensor.I32_LAYOUT, at) & 0xFFFFFFFFL;
      case I32 -> data.get(HostTensor.I32_LAYOUT, at);
      case U64, I64 -> data.get(HostTensor.I64_LAYOUT, at);
      case F32, F64, STRING, ARRAY -> throw new IllegalStateException(type + " is not whole");
    };
  }

  /// @throws IllegalStateException for other types than F32 and F64
  static double realAt(GgufValueType type, MemorySegment data, long at) {
    return switch (type) {
      case F32 -> data.get(HostTensor.F32_LAYOUT, at);
      case F64 -> data.get(HostTensor.F64_LAYOUT, at);
      case U8, I8, U16, I16, U32, I32, U64, I64, BOOL, STRING, ARRAY ->
          throw new IllegalStateException(type + " is not a floating-point type");
    };
  }

  static GgufValue.Numbers floats(float[] values) {
    MemorySegment data = MemorySegment.ofArray(new byte[Math.multiplyExact(values.length, 4)]);
    for (int i = 0; i < values.length; i++) {
      data.set(HostTensor.F32_LAYOUT, 4L * i, values[i]);
    }
    return new GgufValue.Numbers(GgufValueType.F32, data.asReadOnly());
  }

  static GgufValue.Numbers ints(int[] values) {
    MemorySegment data = MemorySegment.ofArray(new byte[Math.multiplyExact(values.length, 4)]);
    for (int i = 0; i < values.length; i++) {
      data.set(HostTensor.I32_LAYOUT, 4L * i, values[i]);
    }
    return new GgufValue.Numbers(GgufValueType.I32, data.asReadOnly());
  }
}
