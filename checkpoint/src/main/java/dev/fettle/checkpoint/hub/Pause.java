package dev.fettle.checkpoint.hub;

import java.time.Duration;

/// Waiting between two attempts.
@FunctionalInterface
interface Pause {
  void sleep(Duration duration);

  /// Waits in short pieces and looks at `stop` between them.
  static Pause interruptible(Runnable stop) {
    return duration -> {
      long end = System.nanoTime() + duration.toNanos();
      try {
        for (long rest = duration.toMillis(); rest > 0; ) {
          stop.run();
          Thread.sleep(Math.min(rest, 100));
          rest = (end - System.nanoTime()) / 1_000_000;
        }
        stop.run();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("interrupted while waiting", e);
      }
    };
  }
}
