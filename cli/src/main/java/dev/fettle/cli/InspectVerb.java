package dev.fettle.cli;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.lora.AdapterPlan;
import dev.fettle.lora.LoraConfig;
import dev.fettle.lora.TargetModules;
import dev.fettle.quantize.CheckpointInspection;
import dev.fettle.text.Dataset;
import dev.fettle.text.DatasetOptions;
import dev.fettle.text.PackingStrategy;
import dev.fettle.text.Tokenizer;
import dev.fettle.text.records.DataFiles;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// `fettle inspect`: what a checkpoint holds, or what training data is to its tokenizer.
@Command(
    name = "inspect",
    header =
        "Show a checkpoint: architecture, tensors, sizes, what LoRA would train; or training data.",
    footer = {
      "  fettle inspect --model MODEL --lora-r 8 --target-modules all-linear",
      "  fettle inspect --model MODEL --data chats.jsonl --seq-length 1024 --show 2"
    })
final class InspectVerb extends Verb {
  @Option(
      names = "--model",
      required = true,
      paramLabel = "FOLDER",
      description = "Model folder in Hugging Face layout, or a GGUF file.")
  Path model = Path.of("");

  @Option(
      names = "--all-tensors",
      description = "List every stored tensor instead of one line per kind of weight.")
  boolean allTensors;

  @Option(
      names = "--lora-r",
      paramLabel = "N",
      description = "Count the parameters that LoRA of this rank would train.")
  @Nullable Integer loraR;

  @Option(
      names = "--target-modules",
      paramLabel = "MODULES",
      description =
          "Layers LoRA adapts: all-linear, names such as q_proj,v_proj, or a regular expression"
              + " (default: all-linear).")
  String targetModules = "all-linear";

  @Option(
      names = "--data",
      paramLabel = "FILE",
      arity = "1..*",
      description =
          "Training data, as for finetune: show how long its samples are and what is learned of them"
              + " instead of the checkpoint.")
  List<Path> data = List.of();

  @Option(
      names = "--show",
      paramLabel = "N",
      description = "With --data: print the first N samples, with what is learned marked.")
  int show;

  @ArgGroup(validate = false, heading = "%nData:%n")
  DataOptions dataset = new DataOptions();

  @ArgGroup(validate = false, heading = "%nColumns of the data:%n")
  RecordArguments records = new RecordArguments();

  InspectVerb(Console console) {
    super(console);
  }

  @Override
  Answer run(Console console) {
    if (!data.isEmpty()) {
      return inspectData(console);
    }
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      CheckpointInspection inspection = CheckpointInspection.of(checkpoint);
      ObjectNode json = json(checkpoint, inspection);
      if (loraR == null) {
        print(console, checkpoint, inspection);
        return Answer.of(json);
      }
      TargetModules targets = TargetModules.parse(targetModules);
      LoraConfig config = LoraConfig.of(loraR, 2.0 * loraR, targets);
      LoraCount lora =
          LoraCount.of(config, AdapterPlan.ofWritten(config, inspection.architecture()));
      print(console, checkpoint, inspection);
      printLora(console, lora, inspection.parameters());
      json.set("lora", json(lora));
      return Answer.of(json);
    }
  }

  private Answer inspectData(Console console) {
    DatasetOptions options = dataset.options(records.options());
    try (Tokenizer tokenizer = Tokenizer.load(model)) {
      Dataset loaded =
          Dataset.load(new DataFiles(data), tokenizer, options.template().load(model), options);
      PackingStrategy packing = options.packing();
      Dataset packed = packing == null ? null : loaded.packed(packing, options.seqLength(), 0);
      DataAnswer answer = new DataAnswer(loaded, packed, options, tokenizer);
      answer.print(show, console.out());
      return Answer.of(answer.json().put("model", model.toString()));
    }
  }

  private void print(Console console, Checkpoint checkpoint, CheckpointInspection inspection) {
    printSummary(console, inspection);
    printTensors(console, checkpoint, inspection);
  }

  private void printSummary(Console console, CheckpointInspection inspection) {
    ModelConfig config = inspection.architecture().config();
    console
        .out()
        .println(
            "%s: %s, %d layers, hidden %d, intermediate %d, %d heads, %d KV heads of %d, vocabulary %d%s, context %d"
                .formatted(
                    model,
                    config.modelType(),
                    config.numHiddenLayers(),
                    config.hiddenSize(),
                    config.intermediateSize(),
                    config.numAttentionHeads(),
                    config.numKeyValueHeads(),
                    config.headDim(),
                    config.vocabSize(),
                    config.tieWordEmbeddings() ? " (tied)" : "",
                    config.maxPositionEmbeddings()));
    console
        .out()
        .println(
            "%s parameters, %s, %s per weight"
                .formatted(
                    Units.count(inspection.parameters()),
                    Units.bytes(inspection.bytes()),
                    Units.bits(inspection.bitsPerWeight())));
    console.out().println();
  }

  private void printTensors(
      Console console, Checkpoint checkpoint, CheckpointInspection inspection) {
    Table table =
        new Table().left("tensor").right("count").left("format").left("shape").right("size");
    if (allTensors) {
      for (TensorInfo info : checkpoint.infos().values()) {
        String shape = info.shape().toString();
        table.row(info.name(), "1", info.dtype().torchName(), shape, Units.bytes(info.bytes()));
      }
    } else {
      for (TensorKinds.Kind kind : TensorKinds.of(inspection)) {
        table.row(
            kind.name(),
            Units.count(kind.count()),
            kind.format(),
            kind.shape(),
            Units.bytes(kind.bytes()));
      }
    }
    table.print(console.out());
  }

  private static void printLora(Console console, LoraCount lora, long parameters) {
    console.out().println();
    console
        .out()
        .println(
            "LoRA r=%d on %s: %d modules, %s trainable parameters (%s %% of the model)"
                .formatted(
                    lora.rank(),
                    lora.targets().text(),
                    lora.modules(),
                    Units.count(lora.parameters()),
                    Units.fixed(100.0 * lora.parameters() / parameters, 2)));
  }

  private ObjectNode json(Checkpoint checkpoint, CheckpointInspection inspection) {
    ModelConfig config = inspection.architecture().config();
    ObjectNode json =
        Json.object()
            .put("model", model.toString())
            .put("model_type", config.modelType())
            .put("parameters", inspection.parameters())
            .put("bytes", inspection.bytes())
            .put("bits_per_weight", inspection.bitsPerWeight());
    json.set("config", config.toJson());
    json.set("quantization_config", checkpoint.quantizationConfig());
    ArrayNode tensors = json.putArray("tensors");
    for (TensorInfo info : checkpoint.infos().values()) {
      tensors.add(json(info));
    }
    return json;
  }

  private static ObjectNode json(TensorInfo info) {
    ObjectNode node =
        Json.object()
            .put("name", info.name())
            .put("dtype", info.dtype().torchName())
            .put("bytes", info.bytes());
    ArrayNode shape = node.putArray("shape");
    for (long dim : info.shape().toArray()) {
      shape.add(dim);
    }
    return node;
  }

  private static ObjectNode json(LoraCount lora) {
    return Json.object()
        .put("lora_r", lora.rank())
        .put("target_modules", lora.targets().text())
        .put("modules", lora.modules())
        .put("trainable_parameters", lora.parameters());
  }
}
