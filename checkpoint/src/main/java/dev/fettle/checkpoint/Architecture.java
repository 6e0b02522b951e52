package dev.fettle.checkpoint;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// The tensors a checkpoint of this configuration must hold, unquantized, with their shapes.
///
/// @param tensors in the order of the computation; with tied embeddings without `lm_head.weight`
/// @param linears the linear layers inside the decoder blocks, in the order of the computation
public record Architecture(
    ModelConfig config, List<TensorInfo> tensors, List<LinearModule> linears) {
  public static final String EMBEDDING = "model.embed_tokens.weight";
  public static final String FINAL_NORM = "model.norm.weight";

  /// Norms of the heads of queries and keys, within a layer.
  public static final String QUERY_NORM = "self_attn.q_norm";

  public static final String KEY_NORM = "self_attn.k_norm";
  public static final String OUTPUT_HEAD = "lm_head.weight";

  public static Architecture of(ModelConfig config) {
    DType dtype = config.torchDtype();
    long hidden = config.hiddenSize();
    Shape embedding = Shape.of(config.vocabSize(), hidden);
    List<TensorInfo> tensors = new ArrayList<>();
    List<LinearModule> linears = new ArrayList<>();
    tensors.add(new TensorInfo(EMBEDDING, dtype, embedding));
    for (int layer = 0; layer < config.numHiddenLayers(); layer++) {
      String prefix = "model.layers." + layer + ".";
      Norms norms = config.norms();
      norm(prefix + Norms.BEFORE_ATTENTION, dtype, hidden, tensors);
      add(attention(config, prefix + "self_attn."), dtype, tensors, linears);
      if (norms.queryKey()) {
        norm(prefix + QUERY_NORM, dtype, config.headDim(), tensors);
        norm(prefix + KEY_NORM, dtype, config.headDim(), tensors);
      }
      if (norms.afterBranches()) {
        norm(prefix + norms.afterAttention(), dtype, hidden, tensors);
      }
      norm(prefix + norms.beforeFeedForward(), dtype, hidden, tensors);
      add(feedForward(config, prefix + "mlp."), dtype, tensors, linears);
      if (norms.afterBranches()) {
        norm(prefix + norms.afterFeedForward(), dtype, hidden, tensors);
      }
    }
    tensors.add(new TensorInfo(FINAL_NORM, dtype, Shape.of(hidden)));
    if (!config.tieWordEmbeddings()) {
      tensors.add(new TensorInfo(OUTPUT_HEAD, dtype, embedding));
    }
    return new Architecture(config, List.copyOf(tensors), List.copyOf(linears));
  }

  private static void norm(String module, DType dtype, long width, List<TensorInfo> tensors) {
    tensors.add(new TensorInfo(module + ".weight", dtype, Shape.of(width)));
  }

  private static List<LinearModule> attention(ModelConfig config, String prefix) {
    int hidden = config.hiddenSize();
    int queries = config.numAttentionHeads() * config.headDim();
    int keys = config.numKeyValueHeads() * config.headDim();
    boolean bias = config.biases().queryKeyValue();
    LinearModule output =
        new LinearModule(prefix + "o_proj", queries, hidden, config.biases().output());
    if (config.fusedProjections()) {
      return List.of(
          new LinearModule(prefix + "qkv_proj", hidden, queries + 2 * keys, bias), output);
    }
    return List.of(
        new LinearModule(prefix + "q_proj", hidden, queries, bias),
        new LinearModule(prefix + "k_proj", hidden, keys, bias),
        new LinearModule(prefix + "v_proj", hidden, keys, bias),
        output);
  }

  private static List<LinearModule> feedForward(ModelConfig config, String prefix) {
    int hidden = config.hiddenSize();
    int inner = config.intermediateSize();
    boolean bias = config.biases().mlp();
    LinearModule down = new LinearModule(prefix + "down_proj", inner, hidden, bias);
    if (config.fusedProjections()) {
      return List.of(new LinearModule(prefix + "gate_up_proj", hidden, 2 * inner, bias), down);
    }
    return List.of(
        new LinearModule(prefix + "gate_proj", hidden, inner, bias),
        new LinearModule(prefix + "up_proj", hidden, inner, bias),
        down);
  }

  private static void add(
      List<LinearModule> modules,
      DType dtype,
      List<TensorInfo> tensors,
      List<LinearModule> linears) {
    for (LinearModule module : modules) {
      linears.add(module);
      tensors.add(new TensorInfo(module.weightName(), dtype, module.weightShape()));
      if (module.bias()) {
        tensors.add(new TensorInfo(module.biasName(), dtype, Shape.of(module.outFeatures())));
      }
    }
  }

  /// Number of parameters; tied embeddings count once.
  public long parameterCount() {
    return tensors.stream().mapToLong(tensor -> tensor.shape().elements()).sum();
  }

  /// Checks that every tensor is there in the right shape; which dtype it has does not matter.
  ///
  /// @param except names to leave out, such as weights that are stored packed
  /// @param where the model, for messages
  /// @throws UserException naming the first tensor that is missing or has another shape
  public void check(TensorSource source, Predicate<String> except, String where) {
    for (TensorInfo expected : tensors) {
      if (except.test(expected.name())) {
        continue;
      }
      @Nullable TensorInfo found = source.infos().get(expected.name());
      if (found == null) {
        throw new UserException(
            "Model "
                + where
                + " has no tensor '"
                + expected.name()
                + "', which its config.json"
                + " demands.");
      }
      if (!found.shape().equals(expected.shape())) {
        throw new UserException(
            "Tensor '%s' in %s has shape %s, but config.json demands %s."
                .formatted(expected.name(), where, found.shape(), expected.shape()));
      }
    }
  }
}
