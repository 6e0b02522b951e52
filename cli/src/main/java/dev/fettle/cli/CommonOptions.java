package dev.fettle.cli;

import picocli.CommandLine.Option;

/// What every verb takes.
final class CommonOptions {
  @Option(
      names = "--json",
      description =
          "Print the result as one JSON object on the last line of standard output; everything else"
              + " goes to standard error.")
  boolean json;

  @Option(
      names = "--stack-trace",
      description = "Show where an error came from (also: FETTLE_DEBUG=1).")
  boolean stackTrace;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help.")
  boolean help;
}
