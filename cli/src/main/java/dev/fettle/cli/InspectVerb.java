package dev.fettle.cli;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.CheckpointFolder;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.LinearModule;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.lora.TargetModules;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// `fettle inspect`: what a checkpoint holds.
@Command(
    name = "inspect",
    header = "Show a checkpoint: architecture, tensors, sizes, what LoRA would train.",
    footer = "  fettle inspect --model MODEL --lora-r 8 --target-modules all-linear")
final class InspectVerb extends Verb {
  @Option(
      names = "--model",
      required = true,
      paramLabel = "FOLDER",
      description = "Model folder in Hugging Face layout.")
  Path model = Path.of("");

  @Option(names = "--all-tensors", description = "List every tensor instead of one line per kind.")
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

  InspectVerb(Console console) {
    super(console);
  }

  @Override
  Answer run(Console console) {
    try (CheckpointFolder checkpoint = CheckpointFolder.open(model)) {
      ModelConfig config = checkpoint.config();
      Architecture architecture = Architecture.of(config);
      String scheme = check(checkpoint, architecture);
      long parameters = architecture.parameterCount();
      long bytes = checkpoint.infos().values().stream().mapToLong(TensorInfo::bytes).sum();
      Map<String, Long> dtypes = dtypes(checkpoint);

      console.out().println(model + ": " + architecture(config));
      console.out().println("parameters  " + Units.count(parameters));
      console.out().println("weights     " + Units.bytes(bytes) + " (" + sizes(dtypes) + ")");
      console.out().println("quantized   " + scheme);
      console.out().println();
      printTensors(console, checkpoint, architecture);
      ObjectNode json = json(checkpoint, config, parameters, bytes);
      if (loraR != null) {
        TargetModules targets = TargetModules.parse(targetModules);
        LoraCount lora = LoraCount.of(loraR, targets, architecture.linears());
        printLora(console, lora, parameters);
        json.set("lora", json(lora));
      }
      return Answer.of(json);
    }
  }

  /// Checks that the tensors are those the configuration demands.
  ///
  /// @return how the linear layers are quantized, or `no`
  private String check(CheckpointFolder checkpoint, Architecture architecture) {
    ObjectNode quantization = checkpoint.quantizationConfig();
    Set<String> packed =
        quantization == null
            ? Set.of()
            : architecture.linears().stream()
                .map(LinearModule::weightName)
                .collect(Collectors.toSet());
    architecture.check(checkpoint, packed::contains, model.toString());
    return quantization == null
        ? "no"
        : quantization.path("quant_method").asString("by an unnamed method");
  }

  private static String architecture(ModelConfig config) {
    return "%s, %d layers, hidden %d, intermediate %d, %d heads, %d KV heads of %d, vocabulary %d%s, context %d"
        .formatted(
            config.modelType(),
            config.numHiddenLayers(),
            config.hiddenSize(),
            config.intermediateSize(),
            config.numAttentionHeads(),
            config.numKeyValueHeads(),
            config.headDim(),
            config.vocabSize(),
            config.tieWordEmbeddings() ? " (tied)" : "",
            config.maxPositionEmbeddings());
  }

  /// Bytes by dtype, in the order of the tensors.
  private static Map<String, Long> dtypes(CheckpointFolder checkpoint) {
    Map<String, Long> bytes = new LinkedHashMap<>();
    for (TensorInfo info : checkpoint.infos().values()) {
      bytes.merge(info.dtype().torchName(), info.bytes(), Long::sum);
    }
    return bytes;
  }

  private static String sizes(Map<String, Long> dtypes) {
    return dtypes.entrySet().stream()
        .map(entry -> entry.getKey() + " " + Units.bytes(entry.getValue()))
        .collect(Collectors.joining(", "));
  }

  private void printTensors(
      Console console, CheckpointFolder checkpoint, Architecture architecture) {
    Table table =
        new Table().left("tensor").right("count").left("format").left("shape").right("size");
    if (allTensors) {
      for (TensorInfo info : checkpoint.infos().values()) {
        String shape = info.shape().toString();
        table.row(info.name(), "1", info.dtype().torchName(), shape, Units.bytes(info.bytes()));
      }
    } else {
      for (TensorKinds.Kind kind : TensorKinds.of(checkpoint, architecture)) {
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

  private ObjectNode json(
      CheckpointFolder checkpoint, ModelConfig config, long parameters, long bytes) {
    ObjectNode json =
        Json.object()
            .put("model", model.toString())
            .put("model_type", config.modelType())
            .put("parameters", parameters)
            .put("bytes", bytes);
    json.set("config", config.toJson());
    json.set("quantization_config", checkpoint.quantizationConfig());
    ArrayNode tensors = json.putArray("tensors");
    for (TensorInfo info : checkpoint.infos().values()) {
      tensors.add(describe(info).put("bytes", info.bytes()));
    }
    return json;
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

  private static ObjectNode json(LoraCount lora) {
    return Json.object()
        .put("lora_r", lora.rank())
        .put("target_modules", lora.targets().text())
        .put("modules", lora.modules())
        .put("trainable_parameters", lora.parameters());
  }

  private static ObjectNode describe(TensorInfo info) {
    ObjectNode node = Json.object().put("name", info.name()).put("dtype", info.dtype().torchName());
    ArrayNode shape = node.putArray("shape");
    for (long dim : info.shape().toArray()) {
      shape.add(dim);
    }
    return node;
  }
}
