package dev.fettle.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.UserInterruptException;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;
import org.jspecify.annotations.Nullable;

/// Where the lines of a conversation come from.
sealed interface ChatInput extends AutoCloseable {
  /// The next line, or null at the end.
  @Nullable String next();

  /// Whether Ctrl-C was pressed since the last line.
  boolean interrupted();

  @Override
  void close();

  /// The terminal with line editing and history if a person types, else standard input.
  static ChatInput open() {
    java.io.Console console = System.console();
    if (console == null || !console.isTerminal()) {
      return new Piped(
          new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)));
    }
    try {
      return new Typed(TerminalBuilder.builder().system(true).build());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Lines from a file or another program.
  record Piped(BufferedReader reader) implements ChatInput {
    @Override
    public @Nullable String next() {
      try {
        return reader.readLine();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public boolean interrupted() {
      return false;
    }

    @Override
    public void close() {
      // standard input belongs to the process
    }
  }

  /// Lines typed at a terminal. Ctrl-C ends the answer that is being written, or the conversation.
  final class Typed implements ChatInput {
    private final Terminal terminal;
    private final LineReader reader;
    private final AtomicBoolean interrupted = new AtomicBoolean();

    Typed(Terminal terminal) {
      this.terminal = terminal;
      this.reader = LineReaderBuilder.builder().terminal(terminal).build();
      reader.option(LineReader.Option.DISABLE_EVENT_EXPANSION, true);
      terminal.handle(Terminal.Signal.INT, _ -> interrupted.set(true));
    }

    @Override
    public @Nullable String next() {
      try {
        String line = reader.readLine("> ");
        interrupted.set(false);
        return line;
      } catch (EndOfFileException | UserInterruptException e) {
        return null;
      }
    }

    @Override
    public boolean interrupted() {
      return interrupted.get();
    }

    @Override
    public void close() {
      try {
        terminal.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
