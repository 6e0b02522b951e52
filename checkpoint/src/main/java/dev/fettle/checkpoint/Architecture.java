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
      tensors.add(new TensorInfo(prefix + "input_layernorm.weight", dtype, Shape.of(hidden)));
      add(attention(config, prefix + "self_attn."), dtype, tensors, linears);
      tensors.add(
          new TensorInfo(prefix + "post_attention_layernorm.weight", dtype, Shape.of(hidden)));
      add(feedForward(config, prefix + "mlp."), dtype, tensors, linears);
    }
    tensors.add(new TensorInfo(FINAL_NORM, dtype, Shape.of(hidden)));
    if (!config.tieWordEmbeddings()) {
      tensors.add(new TensorInfo(OUTPUT_HEAD, dtype, embedding));
    }
    return new Architecture(config, List.copyOf(tensors), List.copyOf(linears));
  }

  private static List<LinearModule> attention(ModelConfig config, String prefix) {
    int hidden = config.hiddenSize();
    int queries = config.numAttentionHeads() * config.headDim();
    int keys = config.numKeyValueHeads() * config.headDim();
    boolean bias = config.attentionBias();
    return List.of(
        new LinearModule(prefix + "q_proj", hidden, queries, bias),
        new LinearModule(prefix + "k_proj", hidden, keys, bias),
        new LinearModule(prefix + "v_proj", hidden, keys, bias),
        new LinearModule(prefix + "o_proj", queries, hidden, config.outputBias()));
  }

  private static List<LinearModule> feedForward(ModelConfig config, String prefix) {
    int hidden = config.hiddenSize();
    int inner = config.intermediateSize();
    boolean bias = config.mlpBias();
    return List.of(
        new LinearModule(prefix + "gate_proj", hidden, inner, bias),
        new LinearModule(prefix + "up_proj", hidden, inner, bias),
        new LinearModule(prefix + "down_proj", inner, hidden, bias));
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
