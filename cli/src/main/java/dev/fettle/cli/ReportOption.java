package dev.fettle.cli;

import dev.fettle.evaluate.report.Report;
import dev.fettle.evaluate.report.ReportFiles;
import dev.fettle.tensor.UserException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Where a report goes.
final class ReportOption {
  @Option(
      names = "--report",
      paramLabel = "FILE",
      description =
          "Write a self-contained HTML page to this file (.html), and its data as JSON beside it.")
  @Nullable Path file;

  /// To be called before the work.
  ///
  /// @throws UserException if the file is no `.html`
  boolean wanted() {
    if (file == null) {
      return false;
    }
    String name = String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT);
    if (!name.endsWith(".html") && !name.endsWith(".htm")) {
      throw new UserException(
          "--report %s must end in .html; the data goes beside it as .json.".formatted(file));
    }
    return true;
  }

  /// @param out told where the page is
  void write(Report report, PrintStream out) {
    if (file != null) {
      ReportFiles.write(file, report);
      out.println("report: " + file + " and " + ReportFiles.jsonBeside(file));
    }
  }
}
