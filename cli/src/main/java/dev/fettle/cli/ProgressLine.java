package dev.fettle.cli;

import java.util.function.LongSupplier;

/// How far a long piece of work is. On a terminal one line that is redrawn; in a file or a pipe a
/// plain line at the start of the work and then every few seconds, so that logs stay readable.
///
/// The rate and the time left are means over the whole run, without the first item (it includes
/// warming up).
final class ProgressLine implements AutoCloseable {
  private static final long NANOS = 1_000_000_000L;

  private final Console console;
  private final StatusLine line;
  private final String label;
  private final long total;
  private final LongSupplier clock;
  private final long interval;
  private long firstDone = -1;
  private long firstTime;
  private long shownTime;
  private boolean shown;
  private String pending = "";

  /// @param total the number of items, or 0 when it is not known
  ProgressLine(Console console, String label, long total) {
    this(console, label, total, System::nanoTime);
  }

  /// @param clock nanoseconds that only go forward
  ProgressLine(Console console, String label, long total, LongSupplier clock) {
    this.console = console;
    this.line = new StatusLine(console);
    this.label = label;
    this.total = total;
    this.clock = clock;
    this.interval = line.interval();
  }

  /// @param done items finished so far
  /// @param note what to show at the end of the line, such as the loss
  void update(long done, String note) {
    long now = clock.getAsLong();
    if (firstDone < 0) {
      firstDone = done;
      firstTime = now;
    }
    pending = text(done, note, now);
    if (!shown || now - shownTime >= interval) {
      show();
      shownTime = now;
    }
  }

  /// Prints a line of its own above the progress line.
  void log(String message) {
    line.erase();
    console.err().println(message);
    if (console.isTerminal() && !pending.isEmpty()) {
      show();
    }
  }

  /// Shows the last state and ends the line.
  @Override
  public void close() {
    if (!pending.isEmpty()) {
      show();
      pending = "";
    }
    line.end();
  }

  private String text(long done, String note, long now) {
    StringBuilder text = new StringBuilder(label).append(' ').append(done);
    if (total > 0) {
      text.append('/').append(total);
    }
    long items = done - firstDone;
    double seconds = (double) (now - firstTime) / NANOS;
    if (items > 0 && total > done) {
      text.append("  ").append(Units.duration(seconds / items * (total - done))).append(" left");
    }
    return note.isEmpty() ? text.toString() : text.append("  ").append(note).toString();
  }

  private void show() {
    shown = true;
    line.draw(pending);
    if (!console.isTerminal()) {
      pending = "";
    }
  }
}
