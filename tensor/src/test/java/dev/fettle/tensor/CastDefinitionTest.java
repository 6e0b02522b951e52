package dev.fettle.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The scalar casts against the definition of the formats, which shares no code with them: a code
/// stands for sign · 2^exponent · significand, and a number becomes the nearest code, the even one
/// in a tie. All arithmetic here is exact in float64.
class CastDefinitionTest {
  private interface Encode {
    int code(float value);
  }

  private interface Decode {
    float value(int code);
  }

  /// @param infinity whether the highest exponent is kept for infinity and NaN
  /// @param top the largest magnitude code that rounding can reach
  private record Format(
      String name,
      int exponentBits,
      int mantissaBits,
      boolean infinity,
      int top,
      Encode encode,
      Decode decode) {
    int bits() {
      return 1 + exponentBits + mantissaBits;
    }

    /// The magnitude of a code as if the highest exponent were an ordinary one.
    double magnitude(int code) {
      int bias = (1 << (exponentBits - 1)) - 1;
      int exponent = code >> mantissaBits;
      int mantissa = code & ((1 << mantissaBits) - 1);
      return exponent == 0
          ? Math.scalb((double) mantissa, 1 - bias - mantissaBits)
          : Math.scalb((double) ((1 << mantissaBits) + mantissa), exponent - bias - mantissaBits);
    }

    /// The nearest magnitude code by bisection; ties to the even one, at most `top`.
    int nearest(double magnitude) {
      int low = 0;
      int high = top;
      while (low < high) {
        int middle = (low + high + 1) / 2;
        if (magnitude(middle) <= magnitude) {
          low = middle;
        } else {
          high = middle - 1;
        }
      }
      if (low == top) {
        return top;
      }
      double below = magnitude - magnitude(low);
      double above = magnitude(low + 1) - magnitude;
      return below < above || (below == above && low % 2 == 0) ? low : low + 1;
    }

    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Format> formats() {
    return Stream.of(
        new Format(
            "float16",
            5,
            10,
            true,
            0x7C00,
            x -> bits(Float.floatToFloat16(x)),
            c -> Float.float16ToFloat((short) c)),
        new Format(
            "bfloat16",
            8,
            7,
            true,
            0x7F80,
            x -> bits(Casts.floatToBf16(x)),
            c -> Casts.bf16ToFloat((short) c)),
        new Format(
            "E4M3",
            4,
            3,
            false,
            0x7E,
            x -> Float8.floatToE4m3(x) & 0xFF,
            c -> Float8.e4m3ToFloat((byte) c)),
        new Format(
            "E5M2",
            5,
            2,
            true,
            0x7C,
            x -> Float8.floatToE5m2(x) & 0xFF,
            c -> Float8.e5m2ToFloat((byte) c)),
        new Format("E2M1", 2, 1, false, 7, MxFloats::floatToE2m1, MxFloats::e2m1ToFloat));
  }

  private static int bits(short half) {
    return half & 0xFFFF;
  }

  @ParameterizedTest
  @MethodSource("formats")
  void everyCodeHasItsValueAndComesBack(Format format) {
    int sign = 1 << (format.bits() - 1);
    for (int code = 0; code < 2 * sign; code++) {
      int magnitude = code & (sign - 1);
      float value = format.decode().value(code);
      if (magnitude > format.top()) {
        assertThat(value).as("%s %x", format, code).isNaN();
        continue;
      }
      boolean infinite = format.infinity() && magnitude == format.top();
      double expected = infinite ? Double.POSITIVE_INFINITY : format.magnitude(magnitude);
      assertThat((double) Math.abs(value)).as("%s %x", format, code).isEqualTo(expected);
      assertThat(Float.floatToRawIntBits(value) < 0).isEqualTo((code & sign) != 0);
      assertThat(format.encode().code(value)).as("%s of %s", format, value).isEqualTo(code);
    }
  }

  @ParameterizedTest
  @MethodSource("formats")
  void everyNumberGoesToTheNearestCode(Format format) {
    int sign = 1 << (format.bits() - 1);
    for (int bits : CastSamples.bits()) {
      float value = Float.intBitsToFloat(bits);
      int code = format.encode().code(value);
      if (Float.isNaN(value)) {
        int least = format.name().equals("E2M1") ? format.top() : format.top() + 1;
        assertThat(code & (sign - 1)).as("%s of NaN", format).isGreaterThanOrEqualTo(least);
        continue;
      }
      int nearest = format.nearest(Math.abs((double) value));
      int expected = nearest | (bits < 0 ? sign : 0);
      if (code != expected) {
        assertThat(code).as("%s of %a", format, value).isEqualTo(expected);
      }
    }
  }
}
