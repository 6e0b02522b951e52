package dev.fettle.checkpoint;

import dev.fettle.checkpoint.gguf.GgufConfig;
import dev.fettle.checkpoint.gguf.GgufFamily;
import dev.fettle.checkpoint.gguf.GgufMetadata;
import dev.fettle.checkpoint.gguf.GgufShards;
import dev.fettle.checkpoint.gguf.GgufTensorInfo;
import dev.fettle.checkpoint.gguf.GgufTensorType;
import dev.fettle.checkpoint.gguf.RowPermutation;
import dev.fettle.checkpoint.gguf.vocabulary.GgufVocabulary;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// A model in a GGUF file, seen as Hugging Face has it: its names, its order of rows, its
/// `config.json`. Tensors in blocks appear as bytes, `U8 [rows, bytes per row]`; `blocks` says what
/// they are.
public final class GgufCheckpoint implements Checkpoint {
  private final GgufShards file;
  private final GgufFamily family;
  private final ModelConfig config;
  private final SequencedMap<String, GgufTensorInfo> stored = new LinkedHashMap<>();
  private final SequencedMap<String, TensorInfo> infos = new LinkedHashMap<>();
  private final Arena arena = Arena.ofShared();
  private final Map<String, HostTensor> reordered = new HashMap<>();

  private GgufCheckpoint(GgufShards file) {
    this.file = file;
    GgufMetadata metadata = file.metadata();
    refuseOtherTypes(metadata);
    this.family = GgufFamily.of(metadata.requiredText(GgufConfig.ARCHITECTURE), metadata.source());
    file.tensors().values().forEach(this::add);
    this.config = GgufConfig.fromMetadata(metadata, described());
    if (config.numHiddenLayers() > stored.size()) {
      throw new UserException(
          "Model %s claims %d layers, but has only %d tensors."
              .formatted(path(), config.numHiddenLayers(), stored.size()));
    }
    stored.keySet().forEach(this::checkRows);
  }

  /// @param path a model's file, or the first of its parts
  /// @throws UserException if it is not a model of a supported architecture, or damaged
  public static GgufCheckpoint open(Path path) {
    GgufShards file = GgufShards.open(path);
    boolean done = false;
    try {
      GgufCheckpoint checkpoint = new GgufCheckpoint(file);
      done = true;
      return checkpoint;
    } finally {
      if (!done) {
        file.close();
      }
    }
  }

  private static void refuseOtherTypes(GgufMetadata metadata) {
    @Nullable String type = metadata.text(GgufConfig.TYPE);
    if (type != null && !type.equals("model")) {
      throw new UserException(
          "File %s is of type '%s', not a model.".formatted(metadata.source(), type));
    }
  }

  private void add(GgufTensorInfo tensor) {
    if (GgufFamily.ALL_ROPE_FACTORS.contains(tensor.name())) {
      return;
    }
    @Nullable String name = family.toHuggingFace(tensor.name());
    if (name == null) {
      throw new UserException(
          "Tensor '%s' in %s has no counterpart in a model of type %s."
              .formatted(tensor.name(), path(), family.architecture()));
    }
    stored.put(name, tensor);
    infos.put(name, info(name, tensor));
  }

  /// Gains that the file has as `1 + weight` are float32: other dtypes cannot hold the difference.
  private TensorInfo info(String name, GgufTensorInfo tensor) {
    @Nullable DType dtype = tensor.type().dtype();
    if (family.shift(name) != 0) {
      refuseOtherGains(tensor);
      return new TensorInfo(name, DType.F32, tensor.shape());
    }
    if (dtype != null) {
      return new TensorInfo(name, dtype, tensor.shape());
    }
    long rows =
        tensor.shape().elements() == 0 ? 0 : tensor.shape().elements() / tensor.shape().dim(-1);
    return new TensorInfo(name, DType.U8, Shape.of(rows, rows == 0 ? 0 : tensor.bytes() / rows));
  }

  private void refuseOtherGains(GgufTensorInfo tensor) {
    @Nullable DType dtype = tensor.type().dtype();
    if (dtype != DType.F32 && dtype != DType.F16 && dtype != DType.BF16) {
      throw new UserException(
          "Tensor '%s' in %s is %s; gains of norms are F32, F16 or BF16."
              .formatted(tensor.name(), path(), tensor.type()));
    }
  }

  private GgufConfig.Tensors described() {
    @Nullable GgufTensorInfo embedding = file.tensors().get(GgufFamily.EMBEDDING);
    if (embedding == null || embedding.shape().rank() != 2) {
      throw new UserException(
          "Model %s has no matrix '%s'; it holds no weights."
              .formatted(path(), GgufFamily.EMBEDDING));
    }
    return new GgufConfig.Tensors(
        (int) Math.min(embedding.shape().dim(0), Integer.MAX_VALUE),
        ropeFactors(),
        !file.tensors().containsKey(GgufFamily.OUTPUT),
        new Biases(
            hasBias("attn_q") || hasBias("attn_qkv"), hasBias("attn_output"), hasBias("ffn_up")),
        dtype(embedding));
  }

  private boolean hasBias(String module) {
    return file.tensors().containsKey("blk.0." + module + ".bias");
  }

  private Map<String, float[]> ropeFactors() {
    Map<String, float[]> found = new HashMap<>();
    for (String name : GgufFamily.ALL_ROPE_FACTORS) {
      @Nullable GgufTensorInfo factors = file.tensors().get(name);
      if (factors == null) {
        continue;
      }
      if (factors.type() != GgufTensorType.F32 || factors.shape().elements() > 1 << 16) {
        throw new UserException(
            "Tensor '%s' in %s is %s %s; expected a short row of F32."
                .formatted(factors.name(), path(), factors.type(), factors.shape()));
      }
      found.put(name, new HostTensor(DType.F32, factors.shape(), file.data(name)).toFloats());
    }
    return found;
  }

  /// The dtype of the matrices; float32 for blocks, whose numbers are computed in it.
  private static DType dtype(GgufTensorInfo embedding) {
    @Nullable DType dtype = embedding.type().dtype();
    return dtype != null && dtype.isFloat() ? dtype : DType.F32;
  }

  private void checkRows(String name) {
    @Nullable RowPermutation permutation = family.permutation(name, config);
    GgufTensorInfo tensor = blocksOrPlain(name);
    if (permutation != null
        && (tensor.shape().rank() == 0 || tensor.shape().dim(0) != permutation.rows())) {
      throw new UserException(
          "Tensor '%s' in %s has shape %s, but %d heads of width %d take %d rows."
              .formatted(
                  tensor.name(),
                  path(),
                  tensor.shape(),
                  permutation.heads(),
                  permutation.headDim(),
                  permutation.rows()));
    }
  }

  private GgufTensorInfo blocksOrPlain(String name) {
    @Nullable GgufTensorInfo tensor = stored.get(name);
    if (tensor == null) {
      throw new UserException("Model " + path() + " has no tensor '" + name + "'.");
    }
    return tensor;
  }

  /// What the blocks of a tensor are: its type and its shape as a weight. Null for plain numbers
  /// and for names that are not there.
  ///
  /// @param name such as `model.layers.0.self_attn.q_proj.weight`
  public @Nullable GgufTensorInfo blocks(String name) {
    @Nullable GgufTensorInfo tensor = stored.get(name);
    return tensor == null || tensor.type().dtype() != null ? null : tensor;
  }

  /// The metadata of the file; views of the mapping.
  public GgufMetadata metadata() {
    return file.metadata();
  }

  /// The tensors as they are in the file, with its names and its order of rows.
  public GgufShards file() {
    return file;
  }

  @Override
  public Path path() {
    return file.path();
  }

  @Override
  public ModelConfig config() {
    return config;
  }

  @Override
  public ObjectNode configJson() {
    return config.toJson();
  }

  /// Null: what is quantized, and how, is a property of each tensor.
  @Override
  public @Nullable ObjectNode quantizationConfig() {
    return null;
  }

  /// Whether any tensor is in blocks.
  @Override
  public boolean isQuantized() {
    return stored.values().stream().anyMatch(tensor -> tensor.type().dtype() == null);
  }

  /// The tokenizer's files, made from the metadata; none if it has no tokenizer.
  ///
  /// @throws UserException if the tokenizer is of a kind that is not supported
  @Override
  public List<CompanionFile> companions() {
    return GgufVocabulary.companions(file.metadata());
  }

  @Override
  public SequencedMap<String, TensorInfo> infos() {
    return Collections.unmodifiableSequencedMap(infos);
  }

  /// A view of the mapping, except where the file has its rows in another order or its gains as `1
  /// + weight`: of those, which are query and key projections and norms, a copy is made once and
  ///   kept until `close()`.
  @Override
  public synchronized HostTensor tensor(String name) {
    GgufTensorInfo tensor = blocksOrPlain(name);
    @Nullable TensorInfo info = infos.get(name);
    if (info == null) {
      throw new IllegalStateException(name);
    }
    MemorySegment data = file.data(tensor.name());
    if (family.shift(name) != 0) {
      return reordered.computeIfAbsent(name, key -> weights(tensor, data));
    }
    @Nullable RowPermutation permutation = family.permutation(name, config);
    return permutation == null
        ? new HostTensor(info.dtype(), info.shape(), data)
        : reordered.computeIfAbsent(name, key -> reorder(info, data, permutation));
  }

  /// What a gain lacks to `1 + weight`; exact for weights that bfloat16 or float16 hold.
  private HostTensor weights(GgufTensorInfo tensor, MemorySegment data) {
    @Nullable DType dtype = tensor.type().dtype();
    if (dtype == null) {
      throw new IllegalStateException(tensor.name());
    }
    float[] gains = new HostTensor(dtype, tensor.shape(), data).toFloats();
    for (int i = 0; i < gains.length; i++) {
      gains[i] -= 1;
    }
    MemorySegment copy = arena.allocate(4L * gains.length, 64);
    MemorySegment.copy(gains, 0, copy, ValueLayout.JAVA_FLOAT, 0, gains.length);
    return new HostTensor(DType.F32, tensor.shape(), copy.asReadOnly());
  }

  private HostTensor reorder(TensorInfo info, MemorySegment data, RowPermutation permutation) {
    MemorySegment copy = arena.allocate(data.byteSize(), 64);
    permutation.toHuggingFace(data, copy);
    return new HostTensor(info.dtype(), info.shape(), copy.asReadOnly());
  }

  @Override
  public void close() {
    file.close();
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
