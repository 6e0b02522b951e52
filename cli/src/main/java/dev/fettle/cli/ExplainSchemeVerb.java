package dev.fettle.cli;

import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.explain.Explanation;
import dev.fettle.quantize.explain.SchemeExplanation;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `fettle explain scheme`: what a scheme's parts mean and how many bits it takes.
@Command(
    name = "scheme",
    header = "What a quantization scheme is: its levels, its scales, its bits per weight.",
    footer = "  fettle explain scheme int4:asym:group=128")
final class ExplainSchemeVerb extends ExplainTopic {
  @Parameters(
      index = "0",
      paramLabel = "SCHEME",
      description = "Such as int8:sym:channel, nf4:group=64:double or mxfp4.")
  String scheme = "";

  @Option(
      names = "--rows",
      paramLabel = "N",
      description = "Rows of the matrix whose size is told (default: 4096).")
  long rows = 4096;

  @Option(names = "--columns", paramLabel = "N", description = "Its columns (default: 4096).")
  long columns = 4096;

  ExplainSchemeVerb(Console console) {
    super(console);
  }

  @Override
  Explanation explain() {
    return SchemeExplanation.of(Scheme.parse(scheme), rows, columns);
  }
}
