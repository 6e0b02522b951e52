package dev.fettle.cli;

import picocli.CommandLine.Command;

/// The program `fettle`. Its verbs are listed in the order in which a model passes through them.
@Command(
    name = "fettle",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    synopsisHeading = "Usage: ",
    customSynopsis = "fettle VERB [OPTIONS]",
    header = "Quantize, fine-tune, evaluate and run language models on the JVM.%n",
    descriptionHeading = "%n",
    description = {
      "checkpoint --> quantize --> finetune --> merge --> export --> generate, chat",
      "                   '------------+-----------+----------+----> evaluate"
    },
    optionListHeading = "%n",
    commandListHeading = "%nVerbs, in the order of the data flow:%n",
    footerHeading = "%n",
    footer = {
      "Start with:  fettle demo",
      "Then:        fettle VERB --help   (each ends with an example)",
      "",
      "Exit codes: 0 done; 1 failed (disk, memory, a fault of Fettle's own); 2 the command line or the"
          + " input is at fault; 130 stopped with Ctrl-C."
    })
final class Fettle {
  static void main(String[] args) {
    StandardError.restore();
    StopSignal stop = StopSignal.install();
    int exitCode = Cli.run(Console.ofProcess(stop), args);
    stop.finished();
    System.exit(exitCode);
  }
}
