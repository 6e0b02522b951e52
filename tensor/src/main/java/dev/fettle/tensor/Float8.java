package dev.fettle.tensor;

/// The two 8-bit floating-point formats. Source: Micikevicius et al., FP8 Formats for Deep Learning
/// (arXiv:2209.05433), table 1.
///
/// | | sign, exponent, mantissa | bias | largest | infinity |
/// |---|---|---|---|---|
/// | E4M3 (`float8_e4m3fn`) | 1, 4, 3 | 7 | 448 | none |
/// | E5M2 (`float8_e5m2`) | 1, 5, 2 | 15 | 57344 | as IEEE 754 |
///
/// Rounding is to nearest, ties to even, bit-equal to PyTorch 2.13's `to`: beyond its range E4M3
/// saturates at 448, infinity too, and E5M2 goes to infinity. NaN becomes 0x7F with its sign.
public final class Float8 {
  /// The largest finite E4M3 number.
  public static final float E4M3_MAX = 448;

  /// The largest finite E5M2 number.
  public static final float E5M2_MAX = 57344;

  private Float8() {}

  /// The number that an E4M3 code stands for; 0x7F and 0xFF are NaN.
  public static float e4m3ToFloat(byte code) {
    int magnitude = code & 0x7F;
    float value;
    if (magnitude == 0x7F) {
      value = Float.intBitsToFloat(0x7FF00000);
    } else if (magnitude < 8) {
      value = magnitude * 0x1p-9f;
    } else {
      value = Float.intBitsToFloat((magnitude << 20) + (120 << 23));
    }
    return signed(value, code);
  }

  /// The number that an E5M2 code stands for: the float16 whose upper half the code is.
  public static float e5m2ToFloat(byte code) {
    int magnitude = code & 0x7F;
    float value;
    if (magnitude > 0x7C) {
      value = Float.intBitsToFloat(0x7FC00000 | (magnitude << 21));
    } else if (magnitude == 0x7C) {
      value = Float.POSITIVE_INFINITY;
    } else if (magnitude < 4) {
      value = magnitude * 0x1p-16f;
    } else {
      value = Float.intBitsToFloat((magnitude << 21) + (112 << 23));
    }
    return signed(value, code);
  }

  private static float signed(float value, byte code) {
    return Float.intBitsToFloat(Float.floatToRawIntBits(value) | ((code & 0x80) << 24));
  }

  /// The nearest E4M3 code; saturates.
  public static byte floatToE4m3(float value) {
    int bits = Float.floatToRawIntBits(value);
    int magnitude = bits & 0x7FFFFFFF;
    int code;
    if (magnitude > 0x7F800000) {
      code = 0x7F;
    } else if (magnitude < 121 << 23) {
      code = Float.floatToRawIntBits(Math.abs(value) + 0x1p14f) - (141 << 23); // steps of 2^-9
    } else {
      int rounded = ((magnitude + 0x7FFFF + ((magnitude >>> 20) & 1)) >>> 20) - (120 << 3);
      code = Math.min(rounded, 0x7E);
    }
    return (byte) (code | ((bits >>> 24) & 0x80));
  }

  /// The nearest E5M2 code; numbers from 61440 on become infinity.
  public static byte floatToE5m2(float value) {
    int bits = Float.floatToRawIntBits(value);
    int magnitude = bits & 0x7FFFFFFF;
    int code;
    if (magnitude > 0x7F800000) {
      code = 0x7F;
    } else if (magnitude < 113 << 23) {
      code = Float.floatToRawIntBits(Math.abs(value) + 0x1p7f) - (134 << 23); // steps of 2^-16
    } else {
      int rounded = ((magnitude + 0xFFFFF + ((magnitude >>> 21) & 1)) >>> 21) - (112 << 2);
      code = Math.min(rounded, 0x7C);
    }
    return (byte) (code | ((bits >>> 24) & 0x80));
  }
}
