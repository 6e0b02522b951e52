package dev.fettle.demo;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.evaluate.report.Section;
import java.util.List;
import org.junit.jupiter.api.Test;

class TextTableTest {
  @Test
  void columnsAreAlignedByKind() {
    TextTable table =
        new TextTable(
            List.of(new Section.Column("model", false), new Section.Column("bits", true)),
            List.of(List.of("base", "16.00"), List.of("a longer one", "–")));

    assertThat(table.lines())
        .containsExactly(
            "model          bits",
            "───────────────────",
            "base          16.00",
            "a longer one      –");
  }
}
