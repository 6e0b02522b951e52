package dev.fettle.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.tensor.UserException;
import java.time.Duration;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;

class NamePatternTest {
  private static final String NAME = "model.layers.11.self_attn.q_proj";

  private static NamePattern compile(String expression) {
    return NamePattern.compile(expression, "target_modules");
  }

  @Test
  void matchesAsARegularExpression() {
    assertThat(compile(".*\\.(q|v)_proj").matches(NAME)).isTrue();
    assertThat(compile(".*\\.(k|v)_proj").matches(NAME)).isFalse();
    assertThat(compile("model\\.layers").matches(NAME)).isFalse();
    assertThat(compile("model\\.layers\\.(\\d+)").lookingAt(NAME))
        .isNotNull()
        .extracting(match -> match.group(1))
        .isEqualTo("11");
    assertThat(compile("layers").lookingAt(NAME)).isNull();
  }

  @Test
  void oneThatNeverEndsIsGivenUp() {
    NamePattern endless = compile("(.*)".repeat(12) + "!");
    Assertions.assertTimeout(
        Duration.ofSeconds(10),
        () ->
            assertThatThrownBy(() -> endless.matches("a".repeat(60)))
                .isInstanceOf(UserException.class)
                .hasMessageContaining("takes too long"));
  }

  @Test
  void saysWhatIsWrong() {
    assertThatThrownBy(() -> compile("(q_proj"))
        .isInstanceOf(UserException.class)
        .hasMessage("target_modules '(q_proj' is not a regular expression: Unclosed group.");
    assertThatThrownBy(() -> compile("a".repeat(100_000)))
        .hasMessageContaining("100000 characters");
    assertThatThrownBy(() -> compile("(".repeat(30_000) + ")".repeat(30_000)))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("is not a regular expression: Stack overflow");
  }
}
