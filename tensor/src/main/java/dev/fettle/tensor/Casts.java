package dev.fettle.tensor;

import static dev.fettle.tensor.HostTensor.F32_LAYOUT;
import static dev.fettle.tensor.HostTensor.I16_LAYOUT;

import java.lang.foreign.MemorySegment;

/// Conversions between float32 and the 16-bit formats, bit-equal to IEEE 754 and to PyTorch (round
/// to nearest, ties to even).
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

  /// Writes `source` (F32, F16 or BF16) as float32 to `target`, which holds four bytes per element.
  public static void toFloat(HostTensor source, MemorySegment target) {
    MemorySegment data = source.data();
    long n = source.elements();
    switch (source.dtype()) {
      case F32 -> MemorySegment.copy(data, 0, target, 0, 4 * n);
      case F16 -> {
        for (long i = 0; i < n; i++) {
          target.set(F32_LAYOUT, 4 * i, Float.float16ToFloat(data.get(I16_LAYOUT, 2 * i)));
        }
      }
      case BF16 -> {
        for (long i = 0; i < n; i++) {
          target.set(F32_LAYOUT, 4 * i, bf16ToFloat(data.get(I16_LAYOUT, 2 * i)));
        }
      }
      case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, BOOL ->
          throw new IllegalStateException("no conversion from " + source.dtype() + " to float32");
    }
  }

  /// Writes `count` float32 from `source` as `dtype` (F32, F16 or BF16) to `target`.
  public static void fromFloat(
      MemorySegment source, long count, DType dtype, MemorySegment target) {
    switch (dtype) {
      case F32 -> MemorySegment.copy(source, 0, target, 0, 4 * count);
      case F16 -> {
        for (long i = 0; i < count; i++) {
          target.set(I16_LAYOUT, 2 * i, Float.floatToFloat16(source.get(F32_LAYOUT, 4 * i)));
        }
      }
      case BF16 -> {
        for (long i = 0; i < count; i++) {
          target.set(I16_LAYOUT, 2 * i, floatToBf16(source.get(F32_LAYOUT, 4 * i)));
        }
      }
      case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, BOOL ->
          throw new IllegalStateException("no conversion from float32 to " + dtype);
    }
  }
}
