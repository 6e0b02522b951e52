package dev.fettle.quantize.explain;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.tensor.Casts;
import java.math.BigDecimal;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class FloatFormatTest {
  private static final int RANDOM = 20_000;

  /// The exact encoder against the processor's: random bits give normal numbers, subnormals,
  /// infinities and NaN.
  @Test
  void sixteenBitsAreThoseOfTheCasts() {
    Random random = new Random(7);
    for (int i = 0; i < RANDOM; i++) {
      float value = Float.intBitsToFloat(random.nextInt());
      // in fp16's own range every second time, which random bits seldom hit
      float x =
          i % 2 == 0
              ? value
              : (float) (random.nextGaussian() * Math.pow(2, random.nextInt(-26, 17)));
      Real real = real(x);
      assertThat(FloatFormat.FP32.encode(real) & 0xFFFFFFFFL)
          .isEqualTo(Float.floatToIntBits(x) & 0xFFFFFFFFL);
      assertThat((short) FloatFormat.BF16.encode(real)).isEqualTo(Casts.floatToBf16(x));
      assertThat((short) FloatFormat.FP16.encode(real))
          .isEqualTo(Float.floatToFloat16(Float.isNaN(x) ? Float.NaN : x));
    }
  }

  @Test
  void everyHalfDecodesAsTheProcessorSays() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      float expected = Float.float16ToFloat((short) bits);
      switch (FloatFormat.FP16.decode(bits)) {
        case Real.Finite finite ->
            assertThat(finite.value().floatValue())
                .isEqualTo(Math.abs(expected) == 0 ? 0f : expected);
        case Real.Infinity infinity ->
            assertThat(expected)
                .isEqualTo(infinity.negative() ? Float.NEGATIVE_INFINITY : Float.POSITIVE_INFINITY);
        case Real.NotANumber _ -> assertThat(expected).isNaN();
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = FloatFormat.class,
      names = {"FP16", "BF16", "FP8_E4M3", "FP8_E5M2", "FP4_E2M1"})
  void everyFiniteCodeEncodesToItself(FloatFormat format) {
    for (long code = 0; code < 1L << format.bits(); code++) {
      if (format.decode(code) instanceof Real.Finite finite) {
        assertThat(format.encode(finite)).isEqualTo(code);
      }
    }
  }

  /// Largest, smallest normal and smallest subnormal numbers as the specifications list them.
  @ParameterizedTest
  @CsvSource({
    "FP32, 340282346638528859811704183484516925440",
    "FP16, 65504",
    "BF16, 338953138925153547590470800371487866880",
    "FP8_E4M3, 448",
    "FP8_E5M2, 57344",
    "FP4_E2M1, 6"
  })
  void theLargestNumberIsThatOfTheSpecification(FloatFormat format, String largest) {
    assertThat(format.largest()).isEqualByComparingTo(largest);
  }

  @Test
  void fp4HasTheEightMagnitudesOfItsSpecification() {
    String[] magnitudes = {"0", "0.5", "1", "1.5", "2", "3", "4", "6"};
    for (int code = 0; code < 8; code++) {
      assertThat(FloatFormat.FP4_E2M1.decode(code))
          .isEqualTo(
              FloatFormat.FP4_E2M1.decode(
                  FloatFormat.FP4_E2M1.encode(NumberText.parse(magnitudes[code]))));
      assertThat(FloatFormat.FP4_E2M1.encode(NumberText.parse(magnitudes[code]))).isEqualTo(code);
    }
  }

  /// What is beyond: 464 lies half-way between 448 and the code that e4m3 keeps for NaN.
  @ParameterizedTest
  @CsvSource({
    "FP8_E4M3, 464, 0x7E",
    "FP8_E4M3, 464.01, 0x7F",
    "FP8_E4M3, -1e30, 0xFF",
    "FP8_E4M3, inf, 0x7F",
    "FP8_E4M3, nan, 0x7F",
    "FP8_E5M2, 61439, 0x7B",
    "FP8_E5M2, 61440, 0x7C",
    "FP8_E5M2, nan, 0x7E",
    "FP4_E2M1, 100, 0x7",
    "FP4_E2M1, -inf, 0xF",
    "FP4_E2M1, 0.25, 0x0",
    "FP4_E2M1, 2.5, 0x4",
    "FP4_E2M1, 3.5, 0x6",
    "FP16, 65519.99, 0x7BFF",
    "FP16, 65520, 0x7C00",
    "FP32, 1e-46, 0x0",
    "FP32, 1e-45, 0x1",
    "FP32, -0, 0x80000000"
  })
  void roundingAtTheEnds(FloatFormat format, String number, String code) {
    assertThat(format.encode(NumberText.parse(number))).isEqualTo(Long.decode(code));
  }

  /// One rounding, not two: through float32 this number would become the tie and round to even.
  @Test
  void aDecimalIsRoundedOnce() {
    String justAboveATie = "1.00048828125000000001"; // 1 + 2^-11 + a little
    assertThat(FloatFormat.FP16.encode(NumberText.parse(justAboveATie))).isEqualTo(0x3C01);
    assertThat(Float.floatToFloat16(Float.parseFloat(justAboveATie))).isEqualTo((short) 0x3C00);
  }

  private static Real real(float x) {
    if (Float.isNaN(x)) {
      return new Real.NotANumber();
    }
    return Float.isInfinite(x)
        ? new Real.Infinity(x < 0)
        : new Real.Finite(new BigDecimal(x), Float.floatToRawIntBits(x) < 0);
  }
}
