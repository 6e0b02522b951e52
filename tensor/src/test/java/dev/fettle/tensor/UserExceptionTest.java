package dev.fettle.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class UserExceptionTest {

  @Test
  void aSentenceStaysAsItIs() {
    String sentence = "Tensor 'a' in b\u00FC is of dtype \u4F60; expected F32.";
    assertThat(new UserException(sentence)).hasMessage(sentence);
  }

  @Test
  void whatAFileSaysCannotBreakTheLineOrSteerTheTerminal() {
    assertThat(new UserException("Tensor 'a\n\u001B[2J\u202Eb\u0000' is missing."))
        .hasMessage("Tensor 'a\\u000A\\u001B[2J\\u202Eb\\u0000' is missing.");
  }

  @Test
  void theMiddleOfALongMessageIsLeftOut() {
    String message = new UserException("Name " + "x".repeat(1_000_000) + " is wrong.").getMessage();
    assertThat(message).hasSizeLessThan(2_100).startsWith("Name xx").endsWith("xx is wrong.");
    assertThat(message).contains("\u2026");
  }
}
