package dev.fettle.cli;

import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/// `fettle explain`: what the formats and methods do to numbers.
@Command(
    name = "explain",
    header = "Show step by step how numbers are stored, quantized, adapted, and what it costs.",
    commandListHeading = "%nTopics:%n",
    synopsisSubcommandLabel = "TOPIC",
    footer = "  fettle explain number 7.32")
final class ExplainVerb extends Verb {
  private final List<ExplainTopic> topics;

  ExplainVerb(Console console) {
    super(console);
    topics =
        List.of(
            new ExplainNumberVerb(console),
            new ExplainRangeVerb(console),
            new ExplainSchemeVerb(console),
            new ExplainLoraVerb(console),
            new ExplainMemoryVerb(console));
  }

  @Override
  CommandLine commandLine() {
    CommandLine line = super.commandLine();
    topics.forEach(topic -> line.addSubcommand(topic.commandLine()));
    return line;
  }

  @Override
  Answer run(Console console) {
    throw usage("Say what to explain: number, range, scheme, lora or memory");
  }
}
