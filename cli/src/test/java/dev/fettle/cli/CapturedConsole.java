package dev.fettle.cli;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/// A console whose two streams are kept as text.
final class CapturedConsole {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private final Console console;

  /// @param columns width of the pretended terminal, or 0 for a pipe
  CapturedConsole(int columns) {
    console = new Console(stream(out), stream(err), false, columns, new StopSignal());
  }

  CapturedConsole() {
    this(0);
  }

  private static PrintStream stream(ByteArrayOutputStream bytes) {
    return new PrintStream(bytes, true, StandardCharsets.UTF_8);
  }

  Console console() {
    return console;
  }

  int run(String... args) {
    return Cli.run(console, args);
  }

  String out() {
    return out.toString(StandardCharsets.UTF_8);
  }

  String err() {
    return err.toString(StandardCharsets.UTF_8);
  }
}
