package dev.fettle.cli;

import dev.fettle.checkpoint.hub.FetchListener;
import dev.fettle.checkpoint.hub.RepoFile;
import java.util.function.LongSupplier;

/// One line for all files of a download: what is here of what is wanted, the rate of the last
/// seconds, the time left. On a terminal it is redrawn; in a log it is a plain line every few
/// seconds.
final class FetchProgress implements FetchListener, AutoCloseable {
  private static final double NANOS = 1e9;

  /// The rate is the mean over about this long.
  private static final double RATE_SECONDS = 5;

  /// Below so many bytes a second, such as while another process downloads, there is no rate.
  private static final double SLOWEST_RATE = 1000;

  private final Console console;
  private final StatusLine line;
  private final LongSupplier clock;
  private final long interval;
  private int files;
  private int done;
  private long total;
  private long here;
  private long received;
  private long rateBytes;
  private long rateTime;
  private double rate;
  private long shownTime;
  private boolean running;

  FetchProgress(Console console) {
    this(console, System::nanoTime);
  }

  /// @param clock nanoseconds that only go forward
  FetchProgress(Console console, LongSupplier clock) {
    this.console = console;
    this.line = new StatusLine(console);
    this.clock = clock;
    interval = line.interval();
  }

  @Override
  public synchronized void started(int count, long bytes) {
    files = count;
    total = bytes;
    running = count > 0;
    rateTime = clock.getAsLong();
    shownTime = rateTime;
    if (running) {
      show();
    }
  }

  @Override
  public synchronized void kept(long bytes) {
    here += bytes;
    update();
  }

  @Override
  public synchronized void received(long bytes) {
    console.stop().check();
    here += bytes;
    received += bytes;
    update();
  }

  @Override
  public synchronized void finished(RepoFile file) {
    done++;
    update();
  }

  @Override
  public synchronized void note(String sentence) {
    line.erase();
    console.err().println(sentence);
  }

  @Override
  public void check() {
    console.stop().check();
  }

  private void update() {
    long now = clock.getAsLong();
    double seconds = (now - rateTime) / NANOS;
    if (seconds >= 1) {
      double mean = (received - rateBytes) / seconds;
      double share = rate == 0 ? 1 : Math.min(1, seconds / RATE_SECONDS);
      rate += share * (mean - rate);
      rateBytes = received;
      rateTime = now;
    }
    if (running && now - shownTime >= interval) {
      shownTime = now;
      show();
    }
  }

  private String text() {
    StringBuilder text = new StringBuilder("fetching ");
    text.append(done).append('/').append(files).append(files == 1 ? " file  " : " files  ");
    text.append(Units.bytes(Math.max(0, here)));
    if (total > 0) {
      text.append(" of ").append(Units.bytes(total));
    }
    if (rate >= SLOWEST_RATE) {
      text.append("  ").append(Units.bytes(Math.round(rate))).append("/s");
      if (total > here) {
        text.append("  ").append(Units.duration((total - here) / rate)).append(" left");
      }
    }
    return text.toString();
  }

  private void show() {
    line.draw(text());
  }

  /// Shows the last state and ends the line.
  @Override
  public synchronized void close() {
    if (running) {
      running = false;
      show();
    }
    line.end();
  }
}
