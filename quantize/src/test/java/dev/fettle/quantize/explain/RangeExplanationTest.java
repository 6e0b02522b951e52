package dev.fettle.quantize.explain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.UserException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

class RangeExplanationTest {
  /// The worked examples of the notes.
  @ParameterizedTest(name = "{0} to {1} in {2}: {5} is {6}")
  @CsvSource({
    "0, 1000, uint8:sym:tensor, 3.9215686, 0, 250, 64",
    "-20, 1000, uint8:asym:tensor, 4, 5, -20, 0",
    "-20, 1000, uint8:asym:tensor, 4, 5, 1000, 255",
    "-1000, 1000, int8:sym:tensor, 7.8431373, 0, -1000, -128",
    "-1000, 1000, int8:sym:tensor, 7.8431373, 0, 1000, 127",
    "-20, 1000, int8:asym:tensor, 4, -123, -20, -128",
    "-20, 1000, int8:asym:tensor, 4, -123, 1000, 127"
  })
  void theExamplesOfTheNotes(
      String min, String max, String scheme, float scale, int zeroPoint, String value, int q) {
    JsonNode json = explain(min, max, scheme, value).json();
    assertThat(json.get("scale").floatValue()).isEqualTo(scale);
    assertThat(json.get("zero_point").asInt()).isEqualTo(zeroPoint);
    assertThat(json.get("values").get(0).get("q").asInt()).isEqualTo(q);
  }

  @Test
  void theStepsAreThoseOneWritesByHand() {
    assertThat(steps("-20", "1000", "uint8:asym:tensor"))
        .contains("(1000 - (-20)) / (255 - 0) = 1020 / 255 = 4")
        .contains("round(0 - (-20) / 4) = round(5) = 5");
    assertThat(steps("-1000", "1000", "int8:sym:tensor"))
        .contains("(1000 - (-1000)) / (127 - (-128)) = 2000 / 255 = 7.84314");
    assertThat(steps("0", "1000", "uint8:sym:tensor"))
        .contains("(1000 - 0) / (255 - 0) = 1000 / 255 = 3.92157");
    assertThat(steps("10", "1000", "uint8:asym:tensor")).contains("xmin = 0").contains("widened");
    assertThat(steps("-20", "1000", "uint8:sym:tensor"))
        .contains("xmin = -1000")
        .contains("128: symmetric, the middle of the unsigned integers");
    assertThat(steps("0", "0", "int8:asym:tensor")).contains("the range is zero alone");
  }

  @Test
  void aValueOutsideOfTheRangeIsClamped() {
    Explanation explanation = explain("-20", "1000", "uint8:asym:tensor", "2000");
    assertThat(explanation.parts().toString()).contains("clamped");
    assertThat(explanation.json().get("values").get(0).get("error").asDouble()).isEqualTo(-1000);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "1 | 0 | int8:asym:tensor | begins at 1 and ends at 0",
        "x | 0 | int8:asym:tensor | is not a number",
        "-inf | 0 | int8:asym:tensor | is not a finite float32 number",
        "0 | 1e39 | int8:asym:tensor | is not a finite float32 number",
        "0 | 1 | nf4:group=64 | no evenly spaced integers"
      })
  void whatIsNoRangeIsOneSentence(String min, String max, String scheme, String expected) {
    assertThatThrownBy(() -> explain(min, max, scheme, "0"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(expected);
  }

  /// Bits per weight of the formats as their sources state them.
  @ParameterizedTest
  @CsvSource({
    "int4:sym:group=128, 4.125",
    "int4:asym:group=128, 4.15625",
    "nf4:group=64, 4.5",
    "mxfp4, 4.25",
    "q8_0, 8.5",
    "q4_0, 4.5",
    "q4_k, 4.5",
    "q6_k, 6.5625",
    "bfloat16, 16"
  })
  void bitsPerWeight(String scheme, double bits) {
    assertThat(
            SchemeExplanation.of(Scheme.parse(scheme), 4096, 4096)
                .json()
                .get("bits_per_weight")
                .asDouble())
        .isEqualTo(bits);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "nf4:group=64:double",
        "fp4:group=64",
        "nvfp4",
        "int2:sym:token",
        "llm.int8",
        "fp8_e5m2:tensor",
        "int8:sym:block=128x128",
        "int8:sym:channel:restricted",
        "float32"
      })
  void everySchemeIsExplained(String scheme) {
    Explanation explanation = SchemeExplanation.of(Scheme.parse(scheme), 256, 512);
    assertThat(explanation.json().get("scheme").asString()).isEqualTo(scheme);
    assertThat(explanation.parts()).hasSizeGreaterThanOrEqualTo(3);
  }

  private static Explanation explain(String min, String max, String scheme, String value) {
    return RangeExplanation.of(min, max, Scheme.parse(scheme), List.of(value));
  }

  private static String steps(String min, String max, String scheme) {
    return String.join(
        "\n", ((Part.Steps) explain(min, max, scheme, "0").parts().getFirst()).lines());
  }
}
