package dev.fettle.cli;

import dev.fettle.quantize.explain.Explanation;
import dev.fettle.quantize.explain.FloatFormat;
import dev.fettle.quantize.explain.NumberExplanation;
import dev.fettle.tensor.UserException;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `fettle explain number`: sign, exponent and mantissa.
@Command(
    name = "number",
    header = "How a number is stored in fp32, fp16, bf16, fp8 and fp4, and with what error.",
    footer = "  fettle explain number 7.32 -0.1 1e-45 0x1.8p3 bf16:0x40EA")
final class ExplainNumberVerb extends ExplainTopic {
  @Parameters(
      paramLabel = "NUMBER",
      arity = "1..*",
      description =
          "A decimal or hexadecimal number, inf, nan, or the stored bits of a format"
              + " (bf16:0x40EA).")
  List<String> numbers = List.of();

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      description =
          "Format of the step-by-step part: fp32, fp16, bf16, fp8_e4m3, fp8_e5m2 or fp4_e2m1"
              + " (default: fp32).")
  String format = "fp32";

  ExplainNumberVerb(Console console) {
    super(console);
  }

  /// -20 is a number here and no option.
  @Override
  CommandLine commandLine() {
    return super.commandLine().setUnmatchedOptionsArePositionalParams(true);
  }

  @Override
  Explanation explain() {
    checkNumbers(numbers);
    FloatFormat steps =
        FloatFormat.find(format)
            .orElseThrow(() ->
                new UserException(
                    "--format '"
                        + format
                        + "' is not known; choose fp32, fp16, bf16, fp8_e4m3, fp8_e5m2 or"
                        + " fp4_e2m1."));
    return NumberExplanation.of(numbers, steps);
  }
}
