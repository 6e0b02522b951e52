package dev.fettle.cli;

import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.explain.Explanation;
import dev.fettle.quantize.explain.RangeExplanation;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `fettle explain range`: scale and zero point.
@Command(
    name = "range",
    header = "How a range of numbers becomes integers: scale, zero point, rounding, error.",
    footer = "  fettle explain range -20 1000 --scheme uint8:asym:tensor --value -20 --value 1000")
final class ExplainRangeVerb extends ExplainTopic {
  @Parameters(index = "0", paramLabel = "MIN", description = "Smallest number.")
  String min = "";

  @Parameters(index = "1", paramLabel = "MAX", description = "Largest number.")
  String max = "";

  @Option(
      names = "--scheme",
      paramLabel = "SCHEME",
      description = "A scheme with integers (default: int8:asym:tensor).")
  String scheme = "int8:asym:tensor";

  @Option(
      names = "--value",
      paramLabel = "X",
      description = "A number to quantize; repeat it for more (default: MIN, 0 and MAX).")
  List<String> values = new ArrayList<>();

  ExplainRangeVerb(Console console) {
    super(console);
  }

  /// -20 is a number here and no option.
  @Override
  CommandLine commandLine() {
    return super.commandLine().setUnmatchedOptionsArePositionalParams(true);
  }

  @Override
  Explanation explain() {
    checkNumbers(List.of(min, max));
    return RangeExplanation.of(min, max, Scheme.parse(scheme), values);
  }
}
