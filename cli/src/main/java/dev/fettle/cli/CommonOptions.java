package dev.fettle.cli;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// What every verb takes.
final class CommonOptions {
  @Option(
      names = "--config",
      order = 999,
      paramLabel = "FILE",
      description =
          "Read options from this YAML file: their long names as keys (lora-r: 8), lists where they may be"
              + " repeated. Options of the command line win.")
  @Nullable Path config;

  @Option(
      names = "--json",
      order = 1000,
      description =
          "Print the result as one JSON object on the last line of standard output; everything else"
              + " goes to standard error.")
  boolean json;

  @Option(
      names = "--stack-trace",
      order = 1001,
      description = "Show where an error came from (also: FETTLE_DEBUG=1).")
  boolean stackTrace;

  @Option(
      names = {"-h", "--help"},
      order = 1002,
      usageHelp = true,
      description = "Show this help.")
  boolean help;
}
