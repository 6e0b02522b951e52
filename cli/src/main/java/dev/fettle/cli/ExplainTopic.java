package dev.fettle.cli;

import dev.fettle.checkpoint.AtomicFiles;
import dev.fettle.evaluate.report.HtmlReport;
import dev.fettle.quantize.explain.Explanation;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// A verb below `fettle explain`: text on the terminal, and with `--html` the same as a page.
abstract class ExplainTopic extends Verb {
  @Option(
      names = "--html",
      paramLabel = "FILE",
      description = "Write the explanation as a page with pictures (SVG), too.")
  @Nullable Path html;

  ExplainTopic(Console console) {
    super(console);
  }

  abstract Explanation explain();

  @Override
  final Answer run(Console console) {
    Explanation explanation = explain();
    if (html != null) {
      AtomicFiles.writeString(html, HtmlReport.render(ExplanationPage.of(explanation)));
    }
    new ExplanationText(console.out(), Math.min(console.width(), 100)).print(explanation);
    return Answer.of(explanation.json());
  }

  /// Positional arguments that may be negative numbers take every word that is no option, so a
  /// mistyped option ends here.
  static void checkNumbers(List<String> words) {
    for (String word : words) {
      if (word.startsWith("--")) {
        throw new UserException("'" + word + "' is neither an option nor a number; see --help.");
      }
    }
  }
}
