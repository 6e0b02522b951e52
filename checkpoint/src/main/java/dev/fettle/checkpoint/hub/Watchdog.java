package dev.fettle.checkpoint.hub;

import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/// Closes the bodies of answers that stopped coming, and all of them when the work is to end; a
/// reader that waits for the next byte gets an exception then.
final class Watchdog implements AutoCloseable {
  private static final long LOOK_MILLIS = 100;

  private final long patienceNanos;
  private final Runnable stop;
  private final Set<Watch> watches = ConcurrentHashMap.newKeySet();
  private final Thread thread;
  private volatile boolean closed;
  private volatile boolean abandoned;

  /// @param stop throws when the work is to end
  Watchdog(Duration patience, Runnable stop) {
    patienceNanos = patience.toNanos();
    this.stop = stop;
    thread = Thread.ofVirtual().name("hub-watchdog").start(this::look);
  }

  /// A body that is read now.
  final class Watch implements AutoCloseable {
    private final InputStream body;
    private volatile long last = System.nanoTime();

    private Watch(InputStream body) {
      this.body = body;
    }

    void progressed() {
      last = System.nanoTime();
    }

    @Override
    public void close() {
      watches.remove(this);
      cut();
    }

    private void cut() {
      try {
        body.close();
      } catch (IOException e) {
        // it was to end, and it ended
      }
    }
  }

  Watch watch(InputStream body) {
    Watch watch = new Watch(body);
    watches.add(watch);
    return watch;
  }

  /// Ends all work, now and in future.
  void abandon() {
    abandoned = true;
    watches.forEach(Watch::cut);
  }

  /// @throws RuntimeException if the work is to end
  void check() {
    stop.run();
    if (abandoned) {
      throw new Abandoned();
    }
  }

  private void look() {
    while (!closed) {
      long now = System.nanoTime();
      boolean ending = isEnding();
      for (Watch watch : watches) {
        if (ending || now - watch.last > patienceNanos) {
          watch.cut();
        }
      }
      try {
        Thread.sleep(LOOK_MILLIS);
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  private boolean isEnding() {
    try {
      check();
      return false;
    } catch (RuntimeException e) {
      return true; // whoever reads will run into the same
    }
  }

  @Override
  public void close() {
    closed = true;
    thread.interrupt();
  }

  /// Another part of the same work failed.
  static final class Abandoned extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Abandoned() {
      super("another file failed");
    }
  }
}
