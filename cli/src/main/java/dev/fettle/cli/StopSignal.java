package dev.fettle.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/// Ctrl-C (and SIGTERM) as something a running verb notices between two pieces of work, so that it
/// unwinds and removes what it had half-written.
final class StopSignal {
  /// How long the process waits for the verb to unwind before it ends anyway.
  private static final int PATIENCE_SECONDS = 20;

  private final CountDownLatch finished = new CountDownLatch(1);
  private volatile boolean requested;

  /// A signal that nobody raises but [#request].
  StopSignal() {}

  /// Raised when the JVM is asked to end before [#finished] was called.
  static StopSignal install() {
    StopSignal stop = new StopSignal();
    Runtime.getRuntime().addShutdownHook(new Thread(stop::requestAndWait, "stop"));
    return stop;
  }

  void request() {
    requested = true;
  }

  boolean requested() {
    return requested;
  }

  /// @throws Stopped if a stop was requested
  void check() {
    if (requested) {
      throw new Stopped();
    }
  }

  /// The verb has ended; the process need not wait for it.
  void finished() {
    finished.countDown();
  }

  private void requestAndWait() {
    request();
    try {
      boolean _ = finished.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /// Thrown out of a verb that was asked to stop.
  static final class Stopped extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Stopped() {
      super("stopped");
    }
  }
}
