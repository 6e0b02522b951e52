package dev.fettle.tensor;

/// The element and scale formats of 4-bit microscaling. Source: OCP Microscaling Formats (MX)
/// Specification 1.0, sections 5.3.3 (FP4, E2M1) and 5.4.1 (E8M0).
public final class MxFloats {
  /// The largest E2M1 number.
  public static final float E2M1_MAX = 6;

  /// Exponent of E8M0 code 0.
  public static final int E8M0_BIAS = 127;

  private MxFloats() {}

  /// The number that the low four bits of an E2M1 code stand for: 0, 0.5, 1, 1.5, 2, 3, 4, 6, and
  /// from 8 on the same with a minus.
  public static float e2m1ToFloat(int code) {
    int magnitude = code & 7;
    float value =
        magnitude < 2 ? 0.5f * magnitude : Float.intBitsToFloat((magnitude << 22) + (126 << 23));
    return (code & 8) == 0 ? value : -value;
  }

  /// The nearest E2M1 code, 0 to 15, ties to the even code; numbers beyond 6 become 6. The format
  /// has no NaN; one becomes 6, so look for it before.
  public static int floatToE2m1(float value) {
    int bits = Float.floatToRawIntBits(value);
    int magnitude = bits & 0x7FFFFFFF;
    int code;
    if (magnitude < 127 << 23) {
      code = Float.floatToRawIntBits(Math.abs(value) + 0x1p22f) - (149 << 23); // steps of 1/2
    } else {
      code = Math.min(((magnitude + 0x1FFFFF + ((magnitude >>> 22) & 1)) >>> 22) - (126 << 1), 7);
    }
    return code | ((bits >>> 28) & 8);
  }

  /// 2^(code - 127); 255 is NaN.
  public static float e8m0ToFloat(int code) {
    return switch (code) {
      case 0 -> 0x1p-127f;
      case 255 -> Float.NaN;
      default -> Float.intBitsToFloat(code << 23);
    };
  }
}
