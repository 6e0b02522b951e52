package dev.fettle.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class ProgressLineTest {
  private final AtomicLong clock = new AtomicLong();

  @Test
  void aPipeGetsAPlainLineEveryTenSecondsAndTheLastState() {
    CapturedConsole captured = new CapturedConsole();
    try (ProgressLine line = line(captured, 40)) {
      for (int step = 1; step <= 40; step++) {
        line.update(step, "loss " + step);
        clock.addAndGet(TimeUnit.SECONDS.toNanos(1));
      }
    }
    assertThat(captured.err()).doesNotContain("\r");
    assertThat(captured.err().lines())
        .containsExactly(
            "step 1/40  loss 1",
            "step 11/40  29 s left  loss 11",
            "step 21/40  19 s left  loss 21",
            "step 31/40  9.00 s left  loss 31",
            "step 40/40  loss 40");
  }

  @Test
  void aTerminalGetsOneLineThatNeverWraps() {
    CapturedConsole captured = new CapturedConsole(24);
    try (ProgressLine line = line(captured, 2)) {
      line.update(1, "a note that is too long for the line");
      clock.addAndGet(TimeUnit.SECONDS.toNanos(1));
      line.update(2, "short");
    }
    String first = "step 1/2  a note that is";
    assertThat(captured.err())
        .startsWith("\r" + first.substring(0, 23) + "\r" + "step 2/2  short        ")
        .endsWith(System.lineSeparator());
  }

  @Test
  void aLogLineTakesTheProgressLinesPlace() {
    CapturedConsole captured = new CapturedConsole(80);
    try (ProgressLine line = line(captured, 2)) {
      line.update(1, "");
      line.log("saved");
    }
    assertThat(captured.err()).contains("\r" + " ".repeat(8) + "\rsaved" + System.lineSeparator());
  }

  @Test
  void nothingIsPrintedWithoutAnUpdate() {
    CapturedConsole captured = new CapturedConsole(80);
    line(captured, 2).close();
    assertThat(captured.err()).isEmpty();
  }

  private ProgressLine line(CapturedConsole captured, long total) {
    return new ProgressLine(captured.console(), "step", total, clock::get);
  }
}
