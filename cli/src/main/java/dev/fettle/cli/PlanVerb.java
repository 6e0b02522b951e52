package dev.fettle.cli;

import dev.fettle.plan.MachineMemory;
import dev.fettle.plan.MachineRates;
import dev.fettle.plan.ModelSpec;
import dev.fettle.plan.RateProbe;
import dev.fettle.plan.Work;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `fettle plan`: memory and time of a piece of work before it starts.
@Command(
    name = "plan",
    header = "Say what memory and time a piece of work takes, and what would fit if it does not.",
    description = {
      "Needs the configuration only: a model folder, a GGUF file or a config.json. Without --for and"
          + " --method one line for each kind of work; with them the parts of the peak, and if it does"
          + " not fit the nearest options that do. Memory is what the system counts as resident at its"
          + " peak (VmHWM). Takes the options of finetune, quantize, generate and evaluate."
    },
    footer = {
      "  fettle plan MODEL",
      "  fettle plan config.json --method qlora --batch-size 4 --seq-length 1024",
      "  fettle plan MODEL --for generate --load-in-4bit --max-new-tokens 2048"
    })
final class PlanVerb extends Verb {
  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "MODEL",
      description = "Model folder, GGUF file, or a config.json alone.")
  @Nullable Path positional;

  @Option(names = "--model", paramLabel = "MODEL", description = "The same.")
  @Nullable Path model;

  @Option(
      names = "--for",
      paramLabel = "VERB",
      description =
          "finetune, generate, chat, serve, evaluate, quantize, calibrate, merge, export or convert"
              + " (default: finetune with --method, else all of them).")
  @Nullable String verb;

  @Option(
      names = "--method",
      paramLabel = "METHOD",
      description = "Of training: lora, qlora, full, qat or qat-lora.")
  @Nullable String method;

  @Mixin WorkOptions work = new WorkOptions();

  @ArgGroup(validate = false, heading = "%nAdapter:%n")
  LoraOptions lora = new LoraOptions();

  @ArgGroup(validate = false, heading = "%nTraining:%n")
  TrainingArguments training = new TrainingArguments();

  @Option(
      names = "--no-measure",
      description =
          "Estimate the time from documented rates instead of measuring this machine for a second.")
  boolean noMeasure;

  @Mixin PlanOptions plan = new PlanOptions();

  PlanVerb(Console console) {
    super(console);
  }

  @Override
  Answer run(Console console) {
    ModelSpec spec = ModelSpec.of(path());
    MachineMemory memory = plan.memory();
    List<PlanAnswer.Row> rows = new ArrayList<>();
    MachineRates rates = rates();
    if (verb == null && method == null) {
      for (WorkOptions.Named named : work.overview(lora, training)) {
        rows.add(PlanAnswer.row(spec, named.name(), named.work(), memory, rates));
      }
    } else {
      WorkOptions.Named named = named(spec);
      rows.add(PlanAnswer.row(spec, named.name(), named.work(), memory, rates));
    }
    PlanAnswer answer = new PlanAnswer(spec, memory, rates, rows);
    answer.print(console.out());
    return new Answer(answer.json(), answer.fits() || plan.ignore ? Cli.OK : Cli.BAD_INPUT);
  }

  private WorkOptions.Named named(ModelSpec spec) {
    if (verb == null || verb.equals("finetune")) {
      String chosen = method == null ? "lora" : method;
      return new WorkOptions.Named(chosen, work.training(chosen, lora, training));
    }
    if (method != null) {
      throw usage("--method belongs to --for finetune, not to " + verb);
    }
    Work named =
        switch (verb) {
          case "generate", "chat", "serve" -> work.generation();
          case "evaluate" -> work.evaluation();
          case "quantize" -> work.quantization();
          case "calibrate" -> work.calibration(training.batchSize);
          case "merge", "export", "convert" -> work.rewriting(!verb.equals("convert"));
          default ->
              throw new UserException(
                  "--for %s is no work that can be planned; choose finetune, generate, chat, serve, evaluate, quantize, calibrate, merge, export or convert."
                      .formatted(verb));
        };
    return new WorkOptions.Named(verb, named);
  }

  private Path path() {
    if (positional != null && model != null) {
      throw usage("The model is named twice; leave out --model");
    }
    Path path = positional != null ? positional : model;
    if (path == null) {
      throw usage("Name a model folder, a GGUF file or a config.json");
    }
    return path;
  }

  private MachineRates rates() {
    MachineRates documented = MachineRates.documented(Runtime.getRuntime().availableProcessors());
    if (noMeasure) {
      return documented;
    }
    try {
      return RateProbe.measure();
    } catch (UserException e) {
      return documented; // no native library here: the plan itself does not need it
    }
  }
}
