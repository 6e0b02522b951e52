package dev.fettle.cli;

import dev.fettle.demo.Demo;
import dev.fettle.demo.DemoOptions;
import dev.fettle.demo.DemoResult;
import dev.fettle.demo.EmbeddedModel;
import dev.fettle.demo.pretrain.Pretrain;
import dev.fettle.demo.pretrain.PretrainOptions;
import dev.fettle.finetune.RunRecord;
import dev.fettle.plan.ModelSpec;
import dev.fettle.plan.Work;
import dev.fettle.tensor.DType;
import java.io.PrintStream;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `fettle demo`: the whole line on the embedded model, or that model from nothing.
@Command(
    name = "demo",
    header = "The whole line on a small model that is built in: no download, about a minute.",
    description = {
      "Quantizes the built-in model to int8 and NF4, fine-tunes it with LoRA and with QLoRA, merges,"
          + " asks all of them questions that none has seen, and prints one table. The folder it"
          + " writes holds every model, the data and a report (report.html, report.json). Exit code 1"
          + " if fine-tuning did not improve the answers.",
      "",
      "--pretrain makes the built-in model again: text, tokenizer, random weights, training."
    },
    footer = {"  fettle demo", "  fettle demo --pretrain WORLD --steps 1000"})
final class DemoVerb extends Verb {
  /// The largest of what the demo does: training of every weight of a model like the built-in one.
  private static final Work.Training TRAINING =
      new Work.Training(DType.F32, null, null, null, Work.Moments.FLOAT32, 32, 128, false, 1, 0, 0);

  @Option(
      names = "--output",
      paramLabel = "FOLDER",
      description =
          "New folder, or that of an earlier demo, which is replaced.%n(default: fettle-demo)")
  Path output = Path.of("fettle-demo");

  @Option(
      names = "--steps",
      paramLabel = "N",
      description = "Training steps, of each fine-tuning run or of --pretrain.")
  @Nullable Integer steps;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Of the adapters and the order of the data (default: 1).")
  long seed = 1;

  @Option(
      names = "--pretrain",
      paramLabel = "FOLDER",
      description = "Train the built-in model from nothing into this folder instead.")
  @Nullable Path pretrain;

  @Option(
      names = "--pretrain-text",
      paramLabel = "FILE",
      description =
          "With --pretrain: learn this text instead of the built-in one, with a model of 5.2 million"
              + " parameters.")
  @Nullable Path pretrainText;

  @Option(
      names = "--resume",
      description = "With --pretrain: go on from the newest checkpoint there.")
  boolean resume;

  @Mixin PlanOptions plan = new PlanOptions();

  DemoVerb(Console console) {
    super(console);
  }

  @Override
  Answer run(Console console) {
    if (steps != null && steps < 1) {
      throw usage("--steps must be 1 or more, not " + steps + ".");
    }
    plan.check(
        console,
        ModelSpec.ofConfig("the built-in model", EmbeddedModel.config(), "its config.json"),
        TRAINING);
    if (pretrain != null) {
      return pretrain(pretrain, console);
    }
    if (resume || pretrainText != null) {
      throw usage("--resume and --pretrain-text go with --pretrain.");
    }
    return demo(console);
  }

  private Answer demo(Console console) {
    DemoOptions defaults = DemoOptions.defaults(output);
    DemoResult result;
    try (DemoProgress progress = new DemoProgress(console)) {
      result =
          Demo.run(
              new DemoOptions(
                  output,
                  steps == null ? defaults.steps() : steps,
                  defaults.questionsPerTopic(),
                  seed),
              progress);
    }
    print(result, console.out());
    plan.report(console);
    return new Answer(result.json(), result.improved() ? Cli.OK : Cli.FAILED);
  }

  private static void print(DemoResult result, PrintStream out) {
    out.println();
    result.table().forEach(out::println);
    out.println();
    result.samples().forEach(out::println);
    out.println();
    out.println(result.verdict());
    out.println("Report: " + result.html());
    out.println();
    out.println("Next:");
    result.next().forEach(line -> out.println("  " + line));
  }

  private Answer pretrain(Path folder, Console console) {
    PretrainOptions start =
        pretrainText == null
            ? PretrainOptions.embedded(folder)
            : PretrainOptions.ofText(folder, pretrainText);
    PretrainOptions options = start.withResume(resume).withSeed(seed);
    RunRecord record;
    try (TrainingProgress progress = new TrainingProgress(console)) {
      record = Pretrain.run(steps == null ? options : options.withSteps(steps), progress);
    }
    FinetuneAnswer.print("pre-training", record, console.out());
    return new Answer(FinetuneAnswer.json(record), record.interrupted() ? Cli.STOPPED : Cli.OK);
  }
}
