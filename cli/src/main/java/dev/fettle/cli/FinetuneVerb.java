package dev.fettle.cli;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.doctor.Doctor;
import dev.fettle.doctor.Finding;
import dev.fettle.finetune.Finetune;
import dev.fettle.finetune.FinetuneRequest;
import dev.fettle.finetune.RunRecord;
import dev.fettle.finetune.TrainingMethod;
import dev.fettle.finetune.TrainingWork;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.bitsandbytes.BitsAndBytesConfig;
import dev.fettle.tensor.DType;
import dev.fettle.text.DatasetOptions;
import dev.fettle.text.records.DataFiles;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `fettle finetune`: train an adapter or a whole model.
@Command(
    name = "finetune",
    header = "Train LoRA, QLoRA or every weight on a text or on prompt/completion pairs.",
    description = {
      "Writes a PEFT adapter folder (with --method full a model folder), and into it checkpoint-N/ to"
          + " resume from, best/ and run.json. After Ctrl-C or a crash the same command with --resume"
          + " goes on from the last checkpoint to the same bits."
    },
    footer = {
      "  fettle finetune --model MODEL --data pairs.jsonl --method qlora --lora-r 16 --lora-alpha 32 \\",
      "                  --max-steps 500 --batch-size 4 --seq-length 512 --output ADAPTER"
    })
final class FinetuneVerb extends Verb {
  @Option(
      names = "--model",
      required = true,
      paramLabel = "FOLDER",
      description =
          "Base model: a folder in Hugging Face layout, quantized or not, or a GGUF file.")
  Path model = Path.of("");

  @Option(
      names = "--data",
      required = true,
      paramLabel = "FILE",
      arity = "1..*",
      description =
          "Files, folders or patterns: plain text, or .jsonl, .json, .csv, .tsv or .parquet with rows"
              + " of prompt and completion, messages, ShareGPT's conversations, Alpaca's instruction"
              + " and output, or text.")
  List<Path> data = List.of();

  @Option(
      names = "--output",
      required = true,
      paramLabel = "FOLDER",
      description = "Folder of the result; must be new or empty, except with --resume.")
  Path output = Path.of("");

  @Option(
      names = "--method",
      paramLabel = "METHOD",
      description =
          "lora, qlora (base quantized to NF4 with double quantization), full, qat (every weight, rounded"
              + " to --scheme while it is trained) or qat-lora.%n(default: lora)")
  String method = "lora";

  @Option(
      names = "--load-in-8bit",
      description =
          "With --method lora: base in LLM.int8, outlier columns in the compute dtype, the rest"
              + " multiplied as 8-bit integers.")
  boolean loadIn8bit;

  @Option(
      names = "--quantization-config",
      paramLabel = JsonOption.LABEL,
      description =
          "With --method lora or qlora: transformers' BitsAndBytesConfig, a file that its to_json_file wrote,"
              + " or the object itself.")
  @Nullable String quantizationConfig;

  @Option(
      names = "--resume",
      description = "Go on from the newest checkpoint in --output; give the same options again.")
  boolean resume;

  @Option(
      names = "--compute-dtype",
      paramLabel = "DTYPE",
      description = "float32 or bfloat16 (default: the model's own).")
  @Nullable String computeDtype;

  @ArgGroup(validate = false, heading = "%nAdapter:%n")
  LoraOptions lora = new LoraOptions();

  @ArgGroup(validate = false, heading = "%nQuantization-aware training:%n")
  QatArguments qat = new QatArguments();

  @ArgGroup(validate = false, heading = "%nData:%n")
  DataOptions dataset = new DataOptions();

  @ArgGroup(validate = false, heading = "%nColumns of the data:%n")
  RecordArguments records = new RecordArguments();

  @ArgGroup(validate = false, heading = "%nTraining:%n")
  TrainingArguments training = new TrainingArguments();

  @Mixin PlanOptions plan = new PlanOptions();

  FinetuneVerb(Console console) {
    super(console);
  }

  @Override
  Answer run(Console console) {
    FinetuneRequest request = request();
    plan.check(console, model, TrainingWork.of(request, WorkOptions.textBytes(data)));
    for (Finding finding : Doctor.beforeTraining(model)) {
      console
          .err()
          .println(
              "warning: %s: %s; %s".formatted(finding.check(), finding.found(), finding.fix()));
    }
    RunRecord record;
    try (TrainingProgress progress = new TrainingProgress(console)) {
      progress.onSaved(() -> writeRunFile(output.resolve(RunFile.NAME)));
      record = Finetune.run(request, progress);
    }
    writeRunFile(output.resolve(RunFile.NAME));
    FinetuneAnswer.print(request.method().text(), record, console.out());
    plan.report(console);
    int exitCode = record.interrupted() ? Cli.STOPPED : Cli.OK;
    return new Answer(
        plan.add(
            FinetuneAnswer.json(record)
                .put("model", model.toString())
                .put("method", request.method().text())),
        exitCode);
  }

  private FinetuneRequest request() {
    TrainingMethod chosen = TrainingMethod.parse(method);
    DatasetOptions options = dataset.options(records.options());
    if (chosen.usesAdapter() && lora.initialAdapter == null) {
      checkRank();
    }
    return new FinetuneRequest(
        model,
        new DataFiles(data),
        dataset.validationData.isEmpty() ? null : new DataFiles(dataset.validationData),
        dataset.validationSplit,
        options,
        chosen,
        lora.config(),
        lora.initialAdapter,
        baseScheme(),
        qat.options(chosen),
        computeDtype(),
        training.options(),
        output,
        resume);
  }

  private @Nullable Scheme baseScheme() {
    BitsAndBytesConfig config = SchemeOptions.onLoad(quantizationConfig);
    if (config == null) {
      return loadIn8bit ? new Scheme.LlmInt8() : null;
    }
    if (loadIn8bit) {
      throw usage("--quantization-config says everything itself; leave out --load-in-8bit");
    }
    return config.scheme();
  }

  private @Nullable DType computeDtype() {
    if (computeDtype != null) {
      return DType.parse(computeDtype);
    }
    BitsAndBytesConfig config = SchemeOptions.bitsAndBytes(quantizationConfig);
    return config == null ? null : config.computeDtype();
  }

  /// A rank larger than a layer would train more than the layer itself.
  private void checkRank() {
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      LoraCount.of(lora.config(), lora.plan(Architecture.of(checkpoint.config())));
    }
  }
}
