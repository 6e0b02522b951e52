package dev.fettle.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class TableTest {
  @Test
  void textIsAlignedLeftAndNumbersRight() {
    CapturedConsole captured = new CapturedConsole();
    new Table()
        .left("tensor")
        .right("size")
        .left("")
        .row("a", "1.21 GB", "x")
        .row("long.name", "7 B", "")
        .print(captured.console().out());
    assertThat(captured.out().lines())
        .containsExactly("tensor        size", "a          1.21 GB  x", "long.name      7 B");
  }

  @Test
  void aRowWithTooFewCellsIsRefused() {
    assertThatThrownBy(() -> new Table().left("a").left("b").row("only one"))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
