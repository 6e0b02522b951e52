package dev.fettle.plan;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.LinearModule;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// What of a model decides how much memory and time it takes.
///
/// @param name for messages
/// @param dtype of the tensors that are not packed
/// @param computeDtype what it is computed in unless the user asks for another
/// @param linearBytes of the linear layers of all blocks as they are stored, scales and biases
///   included
/// @param packed whether the linear layers are stored quantized
/// @param packedTables whether embedding and head are, as in GGUF files
/// @param embeddingBytes as stored
/// @param headBytes as stored; 0 if it is the embedding
public record ModelSpec(
    String name,
    Architecture architecture,
    DType dtype,
    DType computeDtype,
    long linearBytes,
    boolean packed,
    boolean packedTables,
    long embeddingBytes,
    long headBytes) {

  private static final double MOST_WEIGHTS = 1e14;

  /// Reads a model folder, a GGUF file, or a `config.json` alone; weights are not needed.
  ///
  /// @throws UserException if there is none, or its architecture is not supported
  public static ModelSpec of(Path path) {
    if (!Files.exists(path)) {
      throw new UserException(
          "Model %s does not exist; expected a model folder, a GGUF file or a config.json."
              .formatted(path));
    }
    Path config = Files.isDirectory(path) ? path.resolve("config.json") : path;
    boolean alone =
        Files.isRegularFile(config)
            && config.getFileName().toString().endsWith(".json")
            && (!Files.isDirectory(path) || !hasWeights(path));
    if (alone) {
      return ofConfig(path.toString(), Json.read(config), config.toString());
    }
    try (Checkpoint checkpoint = Checkpoint.open(path)) {
      return of(path.toString(), checkpoint);
    }
  }

  private static boolean hasWeights(Path folder) {
    return Files.exists(folder.resolve("model.safetensors"))
        || Files.exists(folder.resolve("model.safetensors.index.json"));
  }

  /// A model whose files are there.
  static ModelSpec of(String name, Checkpoint checkpoint) {
    Architecture architecture = Architecture.of(checkpoint.config());
    requireImaginable(architecture, name);
    long embedding = 0;
    long head = 0;
    long linears = 0;
    for (TensorInfo info : checkpoint.infos().values()) {
      if (info.name().equals(Architecture.EMBEDDING)) {
        embedding = info.bytes();
      } else if (info.name().equals(Architecture.OUTPUT_HEAD)) {
        head = info.bytes();
      } else if (info.name().contains(".self_attn.") || info.name().contains(".mlp.")) {
        linears += info.bytes();
      }
    }
    TensorInfo table = checkpoint.infos().get(Architecture.EMBEDDING);
    boolean plainTable = table != null && table.dtype().isFloat();
    DType dtype = table != null && plainTable ? table.dtype() : checkpoint.config().torchDtype();
    boolean packed =
        architecture.linears().stream().anyMatch(module -> isPacked(module, checkpoint));
    return new ModelSpec(
        name,
        architecture,
        dtype,
        compute(checkpoint.quantizationConfig(), dtype),
        linears,
        packed,
        !plainTable,
        embedding,
        architecture.config().tieWordEmbeddings() ? 0 : head);
  }

  /// So that sums of bytes stay numbers.
  private static void requireImaginable(Architecture architecture, String source) {
    double weights = 2.0 * architecture.config().vocabSize() * architecture.config().hiddenSize();
    for (LinearModule module : architecture.linears()) {
      weights += (double) module.inFeatures() * module.outFeatures();
    }
    if (weights > MOST_WEIGHTS) {
      throw new UserException(
          "%s describes a model of %.0e weights, more than anyone has; check its sizes."
              .formatted(source, weights));
    }
  }

  private static boolean isPacked(LinearModule module, Checkpoint checkpoint) {
    TensorInfo info = checkpoint.infos().get(module.weightName());
    return info == null || !info.dtype().isFloat();
  }

  /// A model of which only the configuration is known.
  ///
  /// @param source the file, for messages
  public static ModelSpec ofConfig(String name, ObjectNode json, String source) {
    ModelConfig config = ModelConfig.parse(json, source);
    Architecture architecture = Architecture.of(config);
    requireImaginable(architecture, source);
    DType dtype = config.torchDtype();
    @Nullable ObjectNode quantization =
        json.get("quantization_config") instanceof ObjectNode node ? node : null;
    @Nullable Scheme scheme = quantization == null ? null : StatedScheme.of(quantization, source);
    long table = (long) config.vocabSize() * config.hiddenSize() * dtype.bytes();
    return new ModelSpec(
        name,
        architecture,
        dtype,
        compute(quantization, dtype),
        scheme == null
            ? architecture.linears().stream().mapToLong(m -> plainBytes(m, dtype)).sum()
            : PackedBytes.of(architecture, scheme, dtype),
        scheme != null,
        false,
        table,
        config.tieWordEmbeddings() ? 0 : table);
  }

  private static long plainBytes(LinearModule module, DType dtype) {
    long bias = module.bias() ? module.outFeatures() : 0;
    return (module.weightShape().elements() + bias) * dtype.bytes();
  }

  /// float16 is computed in bfloat16.
  private static DType compute(@Nullable ObjectNode quantization, DType dtype) {
    DType wanted = dtype;
    if (quantization != null
        && quantization.path("load_in_4bit").asBoolean(false)
        && quantization.path("bnb_4bit_compute_dtype").isString()) {
      wanted = DType.parse(quantization.path("bnb_4bit_compute_dtype").asString());
    }
    return wanted == DType.F32 ? DType.F32 : DType.BF16;
  }

  /// Bytes of its weights while it is computed with.
  ///
  /// @param wanted float32 or bfloat16; null takes its own
  public long loadedBytes(@Nullable DType wanted) {
    return new LoadedWeights(this, compute(wanted), null)
        .parts().stream().mapToLong(Part::bytes).sum();
  }

  /// What it is computed in.
  DType compute(@Nullable DType wanted) {
    if (wanted == null) {
      return computeDtype;
    }
    return wanted == DType.F32 ? DType.F32 : DType.BF16;
  }

  /// Weights of the linear layers of all blocks.
  long linearWeights() {
    return architecture.linears().stream().mapToLong(m -> m.weightShape().elements()).sum();
  }

  /// Weights of the largest of them.
  long largestLinear() {
    return architecture.linears().stream()
        .mapToLong(m -> m.weightShape().elements())
        .max()
        .orElse(0);
  }

  /// Numbers in the embedding.
  long tableWeights() {
    return (long) architecture.config().vocabSize() * architecture.config().hiddenSize();
  }
}
