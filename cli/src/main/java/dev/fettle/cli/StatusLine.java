package dev.fettle.cli;

/// One line of standard error that is drawn over itself: on a terminal in place, cut to its width;
/// in a log as lines of their own.
final class StatusLine {
  private static final long NANOS = 1_000_000_000L;
  private static final long REDRAW_NANOS = NANOS / 10;
  private static final long LOG_NANOS = 10 * NANOS;

  private final Console console;
  private int drawn;

  StatusLine(Console console) {
    this.console = console;
  }

  /// Nanoseconds between two states that are worth showing.
  long interval() {
    return console.isTerminal() ? REDRAW_NANOS : LOG_NANOS;
  }

  void draw(String text) {
    if (!console.isTerminal()) {
      console.err().println(text);
      return;
    }
    String line = text.substring(0, Math.min(text.length(), console.columns() - 1));
    console.err().print("\r" + line + " ".repeat(Math.max(0, drawn - line.length())));
    console.err().flush();
    drawn = line.length();
  }

  void erase() {
    if (drawn > 0) {
      console.err().print("\r" + " ".repeat(drawn) + "\r");
      drawn = 0;
    }
  }

  /// Leaves what is drawn and goes on below it.
  void end() {
    if (drawn > 0) {
      console.err().println();
      drawn = 0;
    }
  }
}
