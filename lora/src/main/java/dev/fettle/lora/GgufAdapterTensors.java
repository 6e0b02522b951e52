package dev.fettle.lora;

import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.checkpoint.TensorSource;
import dev.fettle.checkpoint.gguf.GgufConfig;
import dev.fettle.checkpoint.gguf.GgufFamily;
import dev.fettle.checkpoint.gguf.GgufFile;
import dev.fettle.checkpoint.gguf.GgufMetadata;
import dev.fettle.checkpoint.gguf.GgufTensorInfo;
import dev.fettle.checkpoint.gguf.GgufTensorType;
import dev.fettle.checkpoint.gguf.RowPermutation;
import dev.fettle.checkpoint.gguf.WeightChange;
import dev.fettle.quantize.GgmlTensor;
import dev.fettle.quantize.GgmlType;
import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// The tensors of an adapter in a GGUF file under the names of PEFT's. Rows of query and key
/// projections can only be put back into Hugging Face's order when the model is known. Source:
/// llama.cpp, `src/llama-adapter.cpp` and `convert_lora_to_gguf.py`.
final class GgufAdapterTensors implements TensorSource {
  private static final String A = ".lora_a";
  private static final String B = ".lora_b";

  private final GgufFile file;
  private final GgufFamily family;
  private final Arena arena = Arena.ofShared();
  private final SequencedMap<String, TensorInfo> infos = new LinkedHashMap<>();
  private final Map<String, GgufTensorInfo> stored = new LinkedHashMap<>();
  private final SequencedMap<String, Integer> ranks = new LinkedHashMap<>();
  private @Nullable ModelConfig model;

  private GgufAdapterTensors(GgufFile file) {
    this.file = file;
    GgufMetadata metadata = file.metadata();
    require(metadata, GgufConfig.TYPE, "adapter");
    require(metadata, "adapter.type", "lora");
    if (metadata.has("adapter.alora.invocation_tokens")) {
      throw new UserException(
          "Adapter %s is an activated LoRA (aLoRA), which is not supported.".formatted(path()));
    }
    this.family = GgufFamily.of(metadata.requiredText(GgufConfig.ARCHITECTURE), metadata.source());
    file.tensors().values().forEach(this::add);
    if (ranks.isEmpty()) {
      throw new UserException("Adapter " + path() + " holds no pair of lora_a and lora_b.");
    }
  }

  /// @throws UserException if the file is no adapter for a supported architecture, or damaged
  static GgufAdapterTensors open(Path path) {
    GgufFile file = GgufFile.open(path);
    boolean done = false;
    try {
      GgufAdapterTensors tensors = new GgufAdapterTensors(file);
      done = true;
      return tensors;
    } finally {
      if (!done) {
        file.close();
      }
    }
  }

  private static void require(GgufMetadata metadata, String key, String expected) {
    String found = metadata.requiredText(key);
    if (!found.equals(expected)) {
      throw new UserException(
          "Key '%s' in %s is '%s'; an adapter has '%s'."
              .formatted(key, metadata.source(), found, expected));
    }
  }

  private Path path() {
    return file.path();
  }

  private void add(GgufTensorInfo tensor) {
    String name = tensor.name();
    boolean a = name.endsWith(A);
    @Nullable String weight =
        a || name.endsWith(B)
            ? family.toHuggingFace(name.substring(0, name.length() - A.length()))
            : null;
    if (weight == null || !weight.startsWith("model.layers.") || !weight.endsWith("_proj.weight")) {
      throw new UserException(
          "Tensor '%s' in adapter %s belongs to no linear layer of a %s model's blocks; other tensors are not supported."
              .formatted(name, path(), family.architecture()));
    }
    GgufTensorInfo other =
        file.tensors().get(name.substring(0, name.length() - 1) + (a ? "b" : "a"));
    if (other == null || other.shape().rank() != 2 || tensor.shape().rank() != 2) {
      throw new UserException(
          "Tensor '%s' in adapter %s is not one of a pair of matrices lora_a and lora_b."
              .formatted(name, path()));
    }
    long rank = a ? tensor.shape().dim(0) : tensor.shape().dim(1);
    if (rank < 1 || rank > Integer.MAX_VALUE || (!a && other.shape().dim(0) != rank)) {
      throw new UserException(
          "The pair of '%s' in adapter %s has shapes %s and %s, whose ranks differ."
              .formatted(name, path(), other.shape(), tensor.shape()));
    }
    String module = weight.substring(0, weight.length() - ".weight".length());
    ranks.put(module, (int) rank);
    String key = AdapterPart.PREFIX + module + (a ? ".lora_A.weight" : ".lora_B.weight");
    stored.put(key, tensor);
    infos.put(key, new TensorInfo(key, dtype(tensor), tensor.shape()));
  }

  private DType dtype(GgufTensorInfo tensor) {
    DType dtype = tensor.type() == GgufTensorType.Q8_0 ? DType.F32 : tensor.type().dtype();
    if (dtype != DType.F32 && dtype != DType.F16 && dtype != DType.BF16) {
      throw new UserException(
          "Tensor '%s' in adapter %s is %s; adapters are F32, F16, BF16 or Q8_0."
              .formatted(tensor.name(), path(), tensor.type()));
    }
    return dtype;
  }

  /// The configuration under which PEFT computes what llama.cpp does: every pair is scaled by
  /// `alpha / rank`, or not at all if alpha is 0.
  LoraConfig config() {
    double alpha = file.metadata().requiredNumber("adapter.lora.alpha");
    int first = ranks.firstEntry().getValue();
    Map<String, Integer> rankPattern = new LinkedHashMap<>();
    Map<String, Double> alphaPattern = new LinkedHashMap<>();
    ranks.forEach((module, rank) -> {
      if (rank != first) {
        String pattern = module.replace(".", "\\.");
        rankPattern.put(pattern, rank);
        if (alpha == 0) {
          alphaPattern.put(pattern, (double) rank);
        }
      }
    });
    TargetModules targets = new TargetModules.Names(List.copyOf(ranks.keySet()));
    return LoraConfig.builder(first, alpha == 0 ? first : alpha, targets)
        .rankPattern(rankPattern)
        .alphaPattern(alphaPattern)
        .build();
  }

  /// Says which model the adapter is for; tensors can be read then.
  ///
  /// @throws UserException if it is one of another architecture
  void fit(ModelConfig config) {
    GgufFamily needed = GgufFamily.of(config);
    if (needed != family) {
      throw new UserException(
          "Adapter %s is for models of architecture '%s'; this model's is '%s'."
              .formatted(path(), family.architecture(), needed.architecture()));
    }
    model = config;
  }

  @Override
  public SequencedMap<String, TensorInfo> infos() {
    return Collections.unmodifiableSequencedMap(infos);
  }

  @Override
  public HostTensor tensor(String name) {
    TensorInfo info = infos.get(name);
    GgufTensorInfo tensor = stored.get(name);
    if (info == null || tensor == null) {
      throw new UserException("Adapter " + path() + " has no tensor '" + name + "'.");
    }
    WeightChange change = change(name);
    HostTensor plain =
        unscaled(new HostTensor(info.dtype(), info.shape(), data(tensor)), change.factor());
    RowPermutation permutation = change.permutation();
    if (permutation == null) {
      return plain;
    }
    if (permutation.rows() != info.shape().dim(0)) {
      throw new UserException(
          "Tensor '%s' of adapter %s has %d rows; this model needs %d."
              .formatted(tensor.name(), path(), info.shape().dim(0), permutation.rows()));
    }
    MemorySegment rows = arena.allocate(plain.byteSize(), 64);
    permutation.toHuggingFace(plain.data(), rows);
    return new HostTensor(info.dtype(), info.shape(), rows);
  }

  private MemorySegment data(GgufTensorInfo tensor) {
    MemorySegment data = file.data(tensor.name());
    if (tensor.type() != GgufTensorType.Q8_0) {
      return data;
    }
    MemorySegment floats = arena.allocate(4 * tensor.shape().elements(), 64);
    new GgmlTensor(tensor.shape(), DType.F32, GgmlType.Q8_0, data).dequantize(DType.F32, floats);
    return floats;
  }

  /// B of a layer whose outputs llama.cpp needs `factor` times as large.
  private HostTensor unscaled(HostTensor tensor, double factor) {
    if (factor == 1) {
      return tensor;
    }
    float[] numbers = tensor.toFloats();
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = (float) (numbers[i] / factor);
    }
    MemorySegment own = arena.allocate(tensor.byteSize(), 64);
    Casts.fromFloat(MemorySegment.ofArray(numbers), numbers.length, tensor.dtype(), own);
    return new HostTensor(tensor.dtype(), tensor.shape(), own);
  }

  private WeightChange change(String name) {
    ModelConfig config = model;
    if (config == null) {
      throw new IllegalStateException("the model of the adapter is not known yet");
    }
    String suffix = ".lora_B.weight";
    return name.endsWith(suffix)
        ? family.change(
            name.substring(AdapterPart.PREFIX.length(), name.length() - suffix.length())
                + ".weight",
            config)
        : WeightChange.NONE;
  }

  @Override
  public void close() {
    file.close();
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
