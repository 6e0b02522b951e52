package dev.fettle.export;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.CheckpointFolder;
import dev.fettle.checkpoint.GgufCheckpoint;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.checkpoint.gguf.GgufConfig;
import dev.fettle.checkpoint.gguf.GgufFamily;
import dev.fettle.checkpoint.gguf.GgufMetadata;
import dev.fettle.checkpoint.gguf.GgufTensorInfo;
import dev.fettle.checkpoint.gguf.GgufTensorType;
import dev.fettle.checkpoint.gguf.GgufValue;
import dev.fettle.checkpoint.gguf.GgufWriter;
import dev.fettle.checkpoint.gguf.vocabulary.GgufVocabulary;
import dev.fettle.checkpoint.gguf.vocabulary.ModelName;
import dev.fettle.quantize.UnpackedCheckpoint;
import dev.fettle.quantize.ggml.GgufRecipe;
import dev.fettle.quantize.ggml.Imatrix;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Writes any model as one GGUF file that llama.cpp loads: its tensors in the types of a recipe,
/// its configuration, tokenizer and chat template as metadata. One tensor is in memory at a time.
public final class GgufExport {
  /// Buffers that old checkpoints carry; they follow from the configuration.
  private static final Pattern BUFFER =
      Pattern.compile("model\\.(layers\\.\\d+\\.self_attn\\.)?rotary_emb\\.inv_freq");

  private static final int QUANTIZATION_VERSION = 2;

  private final UnpackedCheckpoint source;
  private final GgufExportOptions options;
  private final ModelConfig config;
  private final GgufFamily family;
  private final Path path;

  private GgufExport(UnpackedCheckpoint source, GgufExportOptions options) {
    this.source = source;
    this.options = options;
    this.path = source.path();
    this.config = source.stored().config();
    this.family = GgufFamily.of(config);
  }

  /// @param source stays open
  /// @param output the file to make; one that is there is replaced
  /// @throws UserException if llama.cpp cannot compute the model or read its tokenizer, a weight
  ///   does not fit its type, or the place is not writable
  public static ConversionReport write(
      UnpackedCheckpoint source, Path output, GgufExportOptions options, ExportListener listener) {
    if (Files.isDirectory(output)) {
      throw new UserException("Output " + output + " is a folder; name a .gguf file.");
    }
    return new GgufExport(source, options).write(output, listener);
  }

  private ConversionReport write(Path output, ExportListener listener) {
    long start = System.nanoTime();
    List<GgufTensorInfo> plan = new ArrayList<>();
    Map<String, String> names = new LinkedHashMap<>();
    GgufMetadata metadata = metadata();
    Map<String, float[]> ropeFactors = GgufConfig.ropeFactors(config, path.toString());
    ropeFactors.forEach((name, factors) ->
        plan.add(new GgufTensorInfo(name, Shape.of(factors.length), GgufTensorType.F32)));
    for (TensorInfo tensor : demanded()) {
      String name = family.toGguf(tensor.name());
      if (name == null) {
        throw new IllegalStateException(tensor.name());
      }
      names.put(name, tensor.name());
      plan.add(new GgufTensorInfo(name, tensor.shape(), type(name, tensor.shape())));
    }
    List<ConvertedTensor> converted = new ArrayList<>();
    GgufTensors tensors = new GgufTensors(source);
    GgufWriter.write(
        output,
        metadata,
        plan,
        (tensor, sink) -> {
          listener.tensor(tensor.name(), tensor.type().name(), converted.size() + 1, names.size());
          String name = names.get(tensor.name());
          if (name != null) {
            converted.add(write(tensor, name, tensors, sink));
          } else {
            float[] factors = Objects.requireNonNull(ropeFactors.get(tensor.name()));
            sink.put(HostTensor.of(factors, factors.length).data());
          }
        });
    return report(output, plan, converted, start);
  }

  private GgufTensorType type(String name, Shape shape) {
    GgufRecipe.ModelShape model =
        new GgufRecipe.ModelShape(
            family.architecture(),
            config.numHiddenLayers(),
            config.numAttentionHeads(),
            config.numKeyValueHeads(),
            config.tieWordEmbeddings());
    return options.recipe().typeOf(name, shape, model, options.imatrix() != null);
  }

  /// The weights of the architecture; what else the source holds must be known to be needless.
  private List<TensorInfo> demanded() {
    List<TensorInfo> demanded = Architecture.of(config).tensors();
    Set<String> names = new HashSet<>();
    for (TensorInfo tensor : demanded) {
      names.add(tensor.name());
      Shape found = source.info(tensor.name()).shape();
      if (!found.equals(tensor.shape())) {
        throw new UserException(
            "Tensor '%s' in %s has shape %s, but the configuration demands %s."
                .formatted(tensor.name(), path, found, tensor.shape()));
      }
      refuseOtherDtypes(source.info(tensor.name()));
    }
    for (String name : source.infos().keySet()) {
      boolean tiedHead = name.equals(Architecture.OUTPUT_HEAD) && config.tieWordEmbeddings();
      if (!names.contains(name) && !tiedHead && !BUFFER.matcher(name).matches()) {
        throw new UserException(
            "Tensor '%s' in %s is no part of a model of type %s and has no place in a GGUF file; remove it first."
                .formatted(name, path, config.modelType()));
      }
    }
    return demanded;
  }

  private void refuseOtherDtypes(TensorInfo tensor) {
    switch (tensor.dtype()) {
      case F32, F16, BF16 -> {}
      case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
          throw new UserException(
              "Tensor '%s' in %s has dtype %s; expected F32, F16 or BF16."
                  .formatted(tensor.name(), path, tensor.dtype()));
    }
  }

  private ConvertedTensor write(
      GgufTensorInfo tensor, String name, GgufTensors tensors, GgufWriter.Sink sink)
      throws IOException {
    try (Arena arena = Arena.ofShared()) {
      GgufTensors.Made made =
          tensors.make(name, tensor.type(), family.change(name, config), importance(tensor), arena);
      sink.put(made.data());
      source.release(name);
      return new ConvertedTensor(
          name, source.storedFormat(name), tensor.type().name(), made.error());
    }
  }

  /// How a weight is stored in the source, such as `nf4:group=64` or `bfloat16`.
  private float @Nullable [] importance(GgufTensorInfo tensor) {
    Imatrix imatrix = options.imatrix();
    return imatrix == null ? null : imatrix.importance(tensor.name(), tensor.shape().dim(-1));
  }

  private GgufMetadata metadata() {
    GgufMetadata metadata = new GgufMetadata(path.toString());
    metadata.put(GgufConfig.ARCHITECTURE, family.architecture());
    metadata.put(GgufConfig.TYPE, "model");
    String name = options.name() == null ? path.getFileName().toString() : options.name();
    GgufMetadata tokenizer = tokenizer();
    metadata.put("general.name", ModelName.fitting(name, named(tokenizer)));
    metadata.putAll(GgufConfig.toMetadata(config, path.toString()));
    metadata.put("general.file_type", GgufValue.u32(options.recipe().fileType()));
    metadata.put("general.quantization_version", GgufValue.u32(QUANTIZATION_VERSION));
    return metadata.putAll(tokenizer);
  }

  /// A GGUF file's own tokenizer as it is; else what the folder's files say.
  private GgufMetadata tokenizer() {
    return switch (source.stored()) {
      case CheckpointFolder folder -> folderTokenizer(folder.path());
      case GgufCheckpoint gguf -> {
        GgufMetadata tokenizer = new GgufMetadata(path.toString());
        gguf.metadata()
            .entries()
            .forEach((key, value) -> {
              if (key.startsWith("tokenizer.")) {
                tokenizer.put(key, value);
              }
            });
        yield tokenizer;
      }
    };
  }

  private GgufMetadata named(GgufMetadata tokenizer) {
    return switch (source.stored()) {
      case CheckpointFolder folder -> tokenizer;
      case GgufCheckpoint gguf -> gguf.metadata();
    };
  }

  private GgufMetadata folderTokenizer(Path folder) {
    if (hasTokenizer(folder)) {
      return GgufVocabulary.fromFolder(folder, config.vocabSize());
    }
    return new GgufMetadata(folder.toString())
        .put("tokenizer.ggml.model", GgufConfig.NO_VOCABULARY);
  }

  private ConversionReport report(
      Path output, List<GgufTensorInfo> plan, List<ConvertedTensor> converted, long start) {
    return new ConversionReport(
        output,
        source.infos().keySet().stream().mapToLong(source::storedBytes).sum(),
        plan.stream().mapToLong(GgufTensorInfo::bytes).sum(),
        (System.nanoTime() - start) / 1e9,
        converted,
        notes());
  }

  private List<String> notes() {
    List<String> notes = new ArrayList<>(GgufConfig.notes(config));
    if (source.stored() instanceof CheckpointFolder folder && !hasTokenizer(folder.path())) {
      notes.add(
          "%s has no tokenizer, so the file has none: llama.cpp can compute with it and not read text."
              .formatted(path));
    }
    return notes;
  }

  private static boolean hasTokenizer(Path folder) {
    return Files.exists(folder.resolve("tokenizer.json"))
        || Files.exists(folder.resolve("tokenizer.model"));
  }
}
