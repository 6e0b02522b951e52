package dev.fettle.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class FetchProgressTest {
  private static final long MEGABYTE = 1_000_000;

  private final AtomicLong clock = new AtomicLong();

  private void download(FetchProgress progress) {
    progress.started(2, 40 * MEGABYTE);
    progress.kept(10 * MEGABYTE);
    for (int second = 0; second < 30; second++) {
      clock.addAndGet(TimeUnit.SECONDS.toNanos(1));
      progress.received(MEGABYTE);
    }
  }

  @Test
  void aLogGetsALineEveryTenSecondsWithRateAndTimeLeft() {
    CapturedConsole captured = new CapturedConsole();
    try (FetchProgress progress = new FetchProgress(captured.console(), clock::get)) {
      download(progress);
      progress.note("trying again");
    }
    assertThat(captured.err().lines())
        .containsExactly(
            "fetching 0/2 files  0 B of 40.0 MB",
            "fetching 0/2 files  20.0 MB of 40.0 MB  1.00 MB/s  20 s left",
            "fetching 0/2 files  30.0 MB of 40.0 MB  1.00 MB/s  10 s left",
            "fetching 0/2 files  40.0 MB of 40.0 MB  1.00 MB/s",
            "trying again",
            "fetching 0/2 files  40.0 MB of 40.0 MB  1.00 MB/s");
  }

  @Test
  void aTerminalGetsOneLineThatFits() {
    CapturedConsole captured = new CapturedConsole(30);
    try (FetchProgress progress = new FetchProgress(captured.console(), clock::get)) {
      download(progress);
    }
    assertThat(captured.err()).endsWith("\n");
    assertThat(captured.err()).containsOnlyOnce("\n");
    for (String line : captured.err().strip().split("\r")) {
      assertThat(line.length()).isLessThan(30);
    }
  }
}
