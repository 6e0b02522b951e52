package dev.fettle.quantize.explain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.tensor.UserException;
import java.math.BigDecimal;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

class NumberExplanationTest {
  /// 7.32 = 1.83 · 2²: worked by hand with the spacing 2^(2 - mantissa bits) of each format.
  @ParameterizedTest
  @CsvSource({
    "0, fp32, 0x40EA3D71, 10000001, 11010100011110101110001, 7.320000171661376953125",
    "1, fp16, 0x4752, 10001, 1101010010, 7.3203125",
    "2, bf16, 0x40EA, 10000001, 1101010, 7.3125",
    "3, fp8_e4m3, 0x4F, 1001, 111, 7.5",
    "4, fp8_e5m2, 0x47, 10001, 11, 7",
    "5, fp4_e2m1, 0x7, 11, 1, 6"
  })
  void theNumberOfTheNotes(
      int index, String format, String bits, String exponent, String mantissa, String stored) {
    JsonNode node = formats("7.32").get(index);
    assertThat(node.get("format").asString()).isEqualTo(format);
    assertThat(node.get("bits").asString()).isEqualTo(bits);
    assertThat(node.get("sign").asString()).isEqualTo("0");
    assertThat(node.get("exponent").asString()).isEqualTo(exponent);
    assertThat(node.get("mantissa").asString()).isEqualTo(mantissa);
    assertThat(node.get("stored").asString()).isEqualTo(stored);
    double error = new BigDecimal(stored).subtract(new BigDecimal("7.32")).doubleValue();
    assertThat(node.get("error").asDouble()).isEqualTo(error);
    assertThat(node.get("relative_error").asDouble())
        .isEqualTo(Math.abs(error) / 7.32, within(1e-15));
  }

  @Test
  void theStepsNameBiasAndImplicitOne() {
    assertThat(text("7.32", FloatFormat.FP32))
        .contains("7.32 = 1.83 × 2^2; stored with the bias 127 added: 2 + 127 = 129 = 10000001")
        .contains("0.83 × 2^23 = 6962544.64, rounded to the nearest to 6962545")
        .contains("(1 + 6962545 / 8388608) × 2^2")
        .contains("decimal halves: sign +, \"7\" in the exponent, \"32\" in the mantissa");
  }

  @Test
  void aTieGoesToTheEvenNeighbourAndACarryRaisesTheExponent() {
    assertThat(text("2049", FloatFormat.FP16)).contains("rounded to the even neighbour to 0");
    assertThat(text("1.9999", FloatFormat.FP8_E4M3)).contains("the exponent goes up by 1");
  }

  @Test
  void subnormalsZeroInfinityAndNanHaveTheirOwnWords() {
    assertThat(text("1e-45", FloatFormat.FP32)).contains("subnormal").contains("1 × 2^-149");
    assertThat(text("-0", FloatFormat.FP32)).contains("the sign bit is 1").contains("zero");
    assertThat(text("inf", FloatFormat.FP32)).contains("exponent all ones, mantissa 0");
    assertThat(text("inf", FloatFormat.FP8_E4M3)).contains("fp8_e4m3 has none");
    assertThat(text("nan", FloatFormat.FP32)).contains("mantissa not 0");
    assertThat(text("1e10", FloatFormat.FP16)).contains("too large for fp16 (at most 65504)");
    assertThat(text("1e-60", FloatFormat.FP32)).contains("0 × 2^-149");
  }

  @Test
  void everyWayOfWritingIsRead() {
    assertThat(stored("0x1.8p3", 0)).isEqualTo("12");
    assertThat(stored("-0X0.8", 0)).isEqualTo("-0.5");
    assertThat(stored("+1.5e1", 0)).isEqualTo("15");
    assertThat(stored("bf16:0x40EA", 0)).isEqualTo("7.3125");
    assertThat(stored("fp16:0xFC00", 1)).isEqualTo("-inf");
    assertThat(stored("fp32:0x00000001", 1)).isEqualTo("0");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "seven",
        "7,32",
        "1e99999",
        "1e500",
        "0x",
        "--7",
        "fp7:0x1",
        "bf16:0x12345",
        "1e-402",
        "."
      })
  void whatIsNoNumberIsOneSentence(String text) {
    assertThatThrownBy(() -> NumberExplanation.of(List.of(text), FloatFormat.FP32))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("'" + text + "'")
        .hasMessageEndingWith(".");
  }

  private static JsonNode formats(String number) {
    return NumberExplanation.of(List.of(number), FloatFormat.FP32)
        .json()
        .get("numbers")
        .get(0)
        .get("formats");
  }

  private static String stored(String number, int format) {
    return formats(number).get(format).get("stored").asString();
  }

  private static String text(String number, FloatFormat format) {
    return NumberExplanation.of(List.of(number), format).parts().stream()
        .map(part ->
            switch (part) {
              case Part.Steps steps -> String.join("\n", steps.lines());
              case Part.Text text -> String.join("\n", text.paragraphs());
              case Part.Table _, Part.Bits _, Part.NumberLine _, Part.Bars _ -> "";
            })
        .collect(Collectors.joining("\n"));
  }
}
