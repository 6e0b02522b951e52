package dev.fettle.cli;

import dev.fettle.checkpoint.hub.HubEnvironment;
import java.io.PrintStream;
import java.util.function.Supplier;

/// Where a command prints.
///
/// @param out for the answer
/// @param err for progress and messages
/// @param outIsTerminal whether a person reads `out`
/// @param columns the width of the terminal behind `err`, or 0 when that is a file or a pipe
/// @param stop whether the user wants the command to end
/// @param hub where models of a hub come from and where they lie on this machine
record Console(
    PrintStream out,
    PrintStream err,
    boolean outIsTerminal,
    int columns,
    StopSignal stop,
    Supplier<HubEnvironment> hub) {
  private static final String OUT_PROPERTY = "fettle.stdout.terminal";
  private static final String COLUMNS_PROPERTY = "fettle.stderr.columns";
  private static final int PLAIN_WIDTH = 100;
  private static final int MIN_WIDTH = 40;

  /// A console with the hub that the environment of this process names.
  Console(PrintStream out, PrintStream err, boolean outIsTerminal, int columns, StopSignal stop) {
    this(out, err, outIsTerminal, columns, stop, HubEnvironment::ofProcess);
  }

  /// The console of this process. The launcher says which streams are terminals.
  static Console ofProcess(StopSignal stop) {
    return new Console(
        System.out,
        System.err,
        Boolean.getBoolean(OUT_PROPERTY),
        Integer.getInteger(COLUMNS_PROPERTY, 0),
        stop);
  }

  /// The same console for a command under `--json`: everything but the result goes to standard
  /// error.
  Console textToErr() {
    return new Console(err, err, true, columns, stop, hub);
  }

  /// Whether a person watches `err`.
  boolean isTerminal() {
    return columns > 0;
  }

  /// Characters in a line of help text.
  int width() {
    return isTerminal() ? Math.max(MIN_WIDTH, columns) : PLAIN_WIDTH;
  }

  /// Ends a text that came piece by piece. In a file or a pipe it stays what it is, byte for byte.
  void endText() {
    if (outIsTerminal) {
      out.println();
    }
    out.flush();
  }
}
