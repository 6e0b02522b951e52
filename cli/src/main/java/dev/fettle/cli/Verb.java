package dev.fettle.cli;

import dev.fettle.checkpoint.Json;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import tools.jackson.databind.node.ObjectNode;

/// A verb: turns its options into a call of a library module, prints the answer for a person and
/// returns it for a program.
@Command(
    synopsisHeading = "%nUsage: ",
    descriptionHeading = "%n",
    optionListHeading = "%n",
    footerHeading = "%nExample:%n",
    showDefaultValues = false,
    sortOptions = false,
    abbreviateSynopsis = true)
abstract class Verb implements Callable<Integer> {
  @Mixin CommonOptions common = new CommonOptions();

  @Spec @Nullable CommandSpec spec;

  private final Console console;

  Verb(Console console) {
    this.console = console;
  }

  /// Does the work and prints the human answer to `console.out()`.
  ///
  /// @return the answer as the object that `--json` prints
  abstract Answer run(Console console);

  /// The verb as a command, with the verbs below it.
  CommandLine commandLine() {
    return new CommandLine(this);
  }

  @Override
  public final Integer call() {
    if (spec != null) {
      ModelPaths.resolve(spec, console.hub());
    }
    Answer answer = run(common.json ? console.textToErr() : console);
    if (common.json) {
      console.err().flush();
      console.out().println(Json.compact(answer.json()));
      console.out().flush();
    }
    return answer.exitCode();
  }

  /// A wrong combination of options: shown like an unknown option.
  final ParameterException usage(String sentence) {
    if (spec == null) {
      throw new IllegalStateException("a verb outside a command line");
    }
    return new ParameterException(spec.commandLine(), sentence);
  }

  /// Writes the file that repeats this run.
  final void writeRunFile(Path file) {
    if (spec == null) {
      throw new IllegalStateException("a verb outside a command line");
    }
    RunFile.write(file, spec);
  }

  /// What a verb answers: the object `--json` prints, and the exit code.
  record Answer(ObjectNode json, int exitCode) {
    static Answer of(ObjectNode json) {
      return new Answer(json, Cli.OK);
    }
  }
}
