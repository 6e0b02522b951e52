package dev.fettle.cli;

import dev.fettle.checkpoint.Json;
import dev.fettle.doctor.Diagnosis;
import dev.fettle.doctor.Doctor;
import dev.fettle.doctor.DoctorRequest;
import dev.fettle.doctor.Finding;
import dev.fettle.doctor.Severity;
import dev.fettle.text.records.DataFiles;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// `fettle doctor`: is everything fit for work?
@Command(
    name = "doctor",
    header = "Examine the machine, a model, its tokenizer and your data, and say how to mend them.",
    description = {
      "Without a model, the machine alone: native libraries, processor, memory, disk. With one:"
          + " weights and sizes, special tokens, chat template, and whether a text has the same tokens"
          + " in training, in generation and in an exported GGUF file. With --data also what training"
          + " would not learn.",
      "Changes nothing. The exit code is 0 without errors, 1 with errors, 2 if it could not look."
    },
    footer = "  fettle doctor MODEL --data chats.jsonl --seq-length 1024")
final class DoctorVerb extends Verb {
  private static final int INDENT = 27;

  @Parameters(
      arity = "0..1",
      paramLabel = "MODEL",
      description = "Model folder in Hugging Face layout, or a GGUF file (also: --model).")
  @Nullable Path positional;

  @Option(names = "--model", paramLabel = "MODEL", description = "The same, by its name.")
  @Nullable Path named;

  @Option(
      names = "--data",
      paramLabel = "FILE",
      arity = "1..*",
      description = "Training files, read as finetune reads them.")
  List<Path> data = List.of();

  @Option(
      names = "--adapter",
      paramLabel = "FOLDER",
      description = "PEFT adapter folder or GGUF adapter that should fit the model.")
  @Nullable Path adapter;

  @Option(
      names = "--gguf",
      paramLabel = "FILE",
      description = "GGUF file that should be the same model.")
  @Nullable Path gguf;

  @Option(names = "--deep", description = "Look at every number of the weights, not at samples.")
  boolean deep;

  @Option(names = "--strict", description = "Warnings count as errors in the exit code.")
  boolean strict;

  @ArgGroup(validate = false, heading = "%nData:%n")
  DataOptions dataset = new DataOptions();

  @ArgGroup(validate = false, heading = "%nColumns of the data:%n")
  RecordArguments records = new RecordArguments();

  DoctorVerb(Console console) {
    super(console);
  }

  @Override
  Answer run(Console console) {
    Path model = model();
    Diagnosis diagnosis =
        Doctor.examine(
            new DoctorRequest(
                model,
                data.isEmpty() ? null : new DataFiles(data),
                dataset.options(records.options()),
                adapter,
                gguf,
                deep));
    print(diagnosis, console.out());
    boolean bad = diagnosis.hasErrors() || (strict && diagnosis.count(Severity.WARNING) > 0);
    return new Answer(json(model, diagnosis), bad ? Cli.FAILED : Cli.OK);
  }

  private @Nullable Path model() {
    if (positional != null && named != null && !positional.equals(named)) {
      throw usage("two models, " + positional + " and --model " + named + "; give one");
    }
    Path model = positional == null ? named : positional;
    if (model == null && data.size() > 1 && isModel(data.getLast())) {
      model = data.getLast(); // typed behind --data, which takes all it can get
      data = data.subList(0, data.size() - 1);
    }
    if (model == null && (!data.isEmpty() || adapter != null || gguf != null)) {
      throw usage("--data, --adapter and --gguf are looked at with a model; give MODEL");
    }
    return model;
  }

  private static boolean isModel(Path path) {
    return Files.isRegularFile(path.resolve("config.json")) || path.toString().endsWith(".gguf");
  }

  private void print(Diagnosis diagnosis, PrintStream out) {
    for (Finding finding : diagnosis.findings()) {
      out.println(
          "%-7s  %-17s  %s".formatted(text(finding.severity()), finding.check(), finding.found()));
      if (finding.fix() != null) {
        out.println(" ".repeat(INDENT + 1) + "fix: " + finding.fix());
      }
    }
    out.println();
    out.println(
        "%d errors, %d warnings, %d notes, %d sound"
            .formatted(
                diagnosis.count(Severity.ERROR),
                diagnosis.count(Severity.WARNING),
                diagnosis.count(Severity.NOTE),
                diagnosis.count(Severity.OK)));
  }

  private static String text(Severity severity) {
    return switch (severity) {
      case OK, NOTE -> severity.name().toLowerCase(Locale.ROOT);
      case WARNING, ERROR -> severity.name();
    };
  }

  private static ObjectNode json(@Nullable Path model, Diagnosis diagnosis) {
    ObjectNode json = Json.object().put("model", model == null ? null : model.toString());
    json.put("errors", diagnosis.count(Severity.ERROR));
    json.put("warnings", diagnosis.count(Severity.WARNING));
    json.put("notes", diagnosis.count(Severity.NOTE));
    ArrayNode findings = json.putArray("findings");
    for (Finding finding : diagnosis.findings()) {
      findings
          .addObject()
          .put("severity", finding.severity().name())
          .put("check", finding.check())
          .put("found", finding.found())
          .put("fix", finding.fix());
    }
    return json;
  }
}
