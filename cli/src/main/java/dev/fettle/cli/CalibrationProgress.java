package dev.fettle.cli;

import dev.fettle.calibrate.Calibration;
import org.jspecify.annotations.Nullable;

/// How many tokens of a calibration text have passed, and how fast.
final class CalibrationProgress implements Calibration.Progress, AutoCloseable {
  private static final double NANOS = 1e9;

  private final Console console;
  private @Nullable ProgressLine line;
  private long start;

  CalibrationProgress(Console console) {
    this.console = console;
  }

  @Override
  public void tokens(long done, long total) {
    console.stop().check();
    ProgressLine shown = line;
    if (shown == null) {
      shown = new ProgressLine(console, "calibrating: token", total);
      line = shown;
      start = System.nanoTime();
    }
    double seconds = (System.nanoTime() - start) / NANOS;
    shown.update(done, done == 0 ? "" : Units.fixed(done / seconds, 0) + " tokens/s");
  }

  @Override
  public void close() {
    if (line != null) {
      line.close();
    }
  }
}
