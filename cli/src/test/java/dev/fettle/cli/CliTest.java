package dev.fettle.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class CliTest {
  private final CapturedConsole captured = new CapturedConsole();

  @Test
  void helpListsTheVerbsInTheOrderOfTheDataFlow() {
    assertThat(captured.run("--help")).isZero();
    List<String> names = verbs().stream().map(CommandLine::getCommandName).toList();
    String list = captured.out().substring(captured.out().indexOf("Verbs"));
    int last = -1;
    for (String name : names) {
      int at = list.indexOf("\n  " + name + " ");
      assertThat(at).as(name).isGreaterThan(last);
      last = at;
    }
  }

  @Test
  void everyVerbHasADescriptionAnExampleAndJson() {
    for (CommandLine verb : verbs()) {
      String help = verb.getUsageMessage();
      assertThat(help)
          .contains("--json")
          .contains("Example:")
          .contains("fettle " + verb.getCommandName());
      assertThat(verb.getCommandSpec().usageMessage().footer())
          .allMatch(line -> line.length() < captured.console().width());
      assertThat(verb.getCommandSpec().usageMessage().header()).isNotEmpty();
      verb.getCommandSpec()
          .options()
          .forEach(
              option -> assertThat(option.description()).as(option.longestName()).isNotEmpty());
    }
  }

  @Test
  void anUnknownVerbIsAUsageError() {
    assertThat(captured.run("inspct")).isEqualTo(Cli.BAD_INPUT);
    assertThat(captured.err()).contains("unknown verb 'inspct'; did you mean inspect");
    assertThat(captured.out()).isEmpty();
  }

  @Test
  void noVerbShowsTheHelpAndIsAUsageError() {
    assertThat(captured.run()).isEqualTo(Cli.BAD_INPUT);
    assertThat(captured.out()).contains("Usage: fettle VERB");
  }

  @Test
  void anUnknownOptionNamesItsNeighbour() {
    assertThat(captured.run("inspect", "--model", "x", "--lora-rr", "8")).isEqualTo(Cli.BAD_INPUT);
    assertThat(captured.err())
        .contains("fettle inspect: ")
        .contains("--lora-rr")
        .contains("--lora-r")
        .contains("Try: fettle inspect --help");
  }

  private List<CommandLine> verbs() {
    return Cli.commandLine(captured.console()).getSubcommands().values().stream()
        .filter(verb -> verb.getCommandSpec().userObject() instanceof Verb)
        .toList();
  }
}
