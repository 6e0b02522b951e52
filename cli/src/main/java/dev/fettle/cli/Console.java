package dev.fettle.cli;

import java.io.PrintStream;

/// Where a command prints. `columns` is the width of the terminal behind standard error, or 0 when
/// that is a file or a pipe.
record Console(PrintStream out, PrintStream err, int columns, StopSignal stop) {
  private static final String COLUMNS_PROPERTY = "fettle.stderr.columns";
  private static final int PLAIN_WIDTH = 100;
  private static final int MIN_WIDTH = 40;

  /// The console of this process. The launcher says whether standard error is a terminal.
  static Console ofProcess(StopSignal stop) {
    return new Console(System.out, System.err, Integer.getInteger(COLUMNS_PROPERTY, 0), stop);
  }

  /// The same console for a command under `--json`: everything but the result goes to standard
  /// error.
  Console textToErr() {
    return new Console(err, err, columns, stop);
  }

  boolean isTerminal() {
    return columns > 0;
  }

  /// Characters in a line of help text.
  int width() {
    return isTerminal() ? Math.max(MIN_WIDTH, columns) : PLAIN_WIDTH;
  }
}
