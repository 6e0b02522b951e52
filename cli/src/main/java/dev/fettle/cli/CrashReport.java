package dev.fettle.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/// The stack trace of a fault of Fettle's own, kept in a file instead of on the screen.
final class CrashReport {
  private static final String TOKEN = "--token";

  private CrashReport() {}

  /// @return the end of the sentence that tells of the fault: where the report lies
  static String write(Throwable fault, String[] args) {
    try {
      Path file = Files.createTempFile("fettle-crash-", ".txt");
      Files.writeString(file, text(fault, args));
      return "the details are in " + file;
    } catch (IOException e) {
      return "its details could not be written (" + e.getMessage() + "); run it with --stack-trace";
    }
  }

  /// The command line without the access token that it may hold.
  static String command(String[] args) {
    List<String> words = new ArrayList<>();
    for (String arg : args) {
      boolean secret = !words.isEmpty() && words.getLast().equals(TOKEN);
      words.add(secret ? "…" : arg.startsWith(TOKEN + "=") ? TOKEN + "=…" : arg);
    }
    return String.join(" ", words);
  }

  private static String text(Throwable fault, String[] args) {
    StringWriter trace = new StringWriter();
    fault.printStackTrace(new PrintWriter(trace));
    return String.join(
        "\n",
        "time:     " + Instant.now(),
        "version:  " + new Version().getVersion()[0],
        "command:  fettle " + command(args),
        "heap:     " + Units.bytes(Runtime.getRuntime().maxMemory()),
        "",
        trace.toString());
  }
}
