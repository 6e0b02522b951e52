package dev.fettle.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.fettle.tensor.UserException;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SchemeParserTest {
  private static final List<String> VALID =
      List.of(
          "int8:sym:channel",
          "int8:sym:channel=1",
          "int8:sym:channel:restricted",
          "uint8:asym:tensor",
          "int4:asym:group=128",
          "int2:sym:token",
          "uint3:sym:block=128x64",
          "nf4:group=64",
          "nf4:group=4096:double",
          "fp4:group=32",
          "fp8_e4m3:channel",
          "fp8_e5m2:block=128x128",
          "mxfp4",
          "nvfp4",
          "llm.int8",
          "q8_0",
          "q4_k",
          "iq4_nl",
          "mxfp4_ggml",
          "float32",
          "bfloat16");

  @Test
  void whatIsPrintedIsParsed() {
    for (String text : VALID) {
      assertThat(Scheme.parse(text)).hasToString(text);
    }
    assertThat(Scheme.parse("nf4")).hasToString("nf4:group=64");
    assertThat(Scheme.parse("bf16")).hasToString("bfloat16");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "int9:sym:channel | at character 1, 'int9'; possible there are int2 to int8 | int8:sym:channel",
        "int1:sym:channel | at character 1, 'int1' | int2:sym:channel",
        "int16:sym:tensor | at character 1, 'int16' | int8:sym:tensor",
        "i8:sym:channel | at character 1, 'i8' | int8:sym:channel",
        "INT8:SYM:CHANNEL | at character 1, 'INT8' | int8:sym:channel",
        "int4:asim:group=128 | at character 6, 'asim'; possible there are sym and asym | int4:asym:group=128",
        "int4:asymm:group=32 | at character 6, 'asymm' | int4:asym:group=32",
        "nf4:groups=64 | at character 5, 'groups=64'; possible there are group=N | nf4:group=64",
        "nf4:64 | at character 5, '64' | nf4:group=64",
        "nf4:group=48 | at character 5, 'group=48' | nf4:group=64",
        "nf4:group=64:duoble | at character 14, 'duoble'; possible there is double or nothing | nf4:group=64:double",
        "nf4:group=64:double:x | at character 21, 'x': nothing may follow 'nf4:group=64:double' | nf4:group=64:double",
        "nf5 | at character 1, 'nf5' | nf4:group=64",
        "int8 | ends too early; possible after 'int8' are sym and asym | int8:sym:channel",
        "int8:sym | ends too early; possible after 'int8:sym' are tensor | int8:sym:channel",
        "int8:sym:chanel | at character 10, 'chanel' | int8:sym:channel",
        "int8:sym:group128 | at character 10, 'group128' | int8:sym:group=128",
        "int8:sym:group=0 | at character 10, 'group=0' | int8:sym:group=128",
        "int8:sym:channel=2 | at character 10, 'channel=2' | int8:sym:channel=1",
        "int8:sym:block=128 | at character 10, 'block=128' | int8:sym:block=128x128",
        "int8:asym:channel:restricted | at character 19, 'restricted': nothing may follow | int8:asym:channel",
        "int8:sym:channel:restrict | possible there is restricted or nothing | int8:sym:channel:restricted",
        "fp8_e4m3fn:channel | at character 1, 'fp8_e4m3fn' | fp8_e4m3:channel",
        "fp8_e4m3 | ends too early | fp8_e4m3:channel",
        "fp8_e4m3:channel:x | at character 18, 'x' | fp8_e4m3:channel",
        "mxfp4:group=32 | at character 7, 'group=32': nothing may follow 'mxfp4' | mxfp4",
        "q4_k_m | at character 1, 'q4_k_m' | q4_k",
        "\"\" | at character 1 | "
      })
  void aMistakeIsPlacedAndTheNearestSchemeNamed(String text, String place, String nearest) {
    assertThatThrownBy(() -> Scheme.parse(text))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("Scheme '" + text + "' ")
        .hasMessageContaining(place)
        .hasMessageEndingWith(nearest == null ? "?" : "did you mean " + nearest + "?");
  }

  /// Whatever is typed, the answer is a scheme that exists.
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void everySuggestionIsValid(long seed) {
    Random random = new Random(seed);
    String letters = "abcdefghilmnoprstuvxy0123456789:=_.";
    Pattern suggestion = Pattern.compile("did you mean (.*)\\?$");
    for (int i = 0; i < 3000; i++) {
      StringBuilder text = new StringBuilder(VALID.get(random.nextInt(VALID.size())));
      for (int change = random.nextInt(1, 5); change > 0 && !text.isEmpty(); change--) {
        int at = random.nextInt(text.length());
        char letter = letters.charAt(random.nextInt(letters.length()));
        switch (random.nextInt(3)) {
          case 0 -> text.deleteCharAt(at);
          case 1 -> text.insert(at, letter);
          default -> text.setCharAt(at, letter);
        }
      }
      UserException mistake =
          catchThrowableOfType(UserException.class, () -> Scheme.parse(text.toString()));
      if (mistake != null) {
        Matcher found = suggestion.matcher(String.valueOf(mistake.getMessage()));
        assertThat(found.find()).as(mistake.getMessage()).isTrue();
        assertThat(Scheme.parse(found.group(1))).hasToString(found.group(1));
      }
    }
  }
}
