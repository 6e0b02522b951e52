package dev.fettle.cli;

import dev.fettle.quantize.explain.Explanation;
import dev.fettle.quantize.explain.LoraExplanation;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `fettle explain lora`: how many numbers an adapter has.
@Command(
    name = "lora",
    header = "What LoRA trains in place of a weight: ΔW = B·A and its numbers.",
    footer = "  fettle explain lora 4096 4096 --lora-r 8")
final class ExplainLoraVerb extends ExplainTopic {
  @Parameters(index = "0", paramLabel = "ROWS", description = "Output features of the weight.")
  long rows;

  @Parameters(index = "1", paramLabel = "COLUMNS", description = "Input features of the weight.")
  long columns;

  @Option(names = "--lora-r", paramLabel = "N", description = "Rank (default: 8).")
  int rank = 8;

  ExplainLoraVerb(Console console) {
    super(console);
  }

  @Override
  Explanation explain() {
    return LoraExplanation.of(rows, columns, rank);
  }
}
