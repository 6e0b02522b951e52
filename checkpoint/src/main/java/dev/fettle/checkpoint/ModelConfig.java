package dev.fettle.checkpoint;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The part of a Hugging Face `config.json` that determines the computation of a decoder of the
/// llama family. Absent keys have the values transformers gives them; the five sizes that
/// transformers always writes are required.
///
/// @param modelType `llama`, `mistral` or `qwen2`
/// @param headDim width of one attention head; not always hidden size / heads
/// @param ropeScaling null for plain rotary embeddings
/// @param attentionBias whether q, k and v projections have a bias; see also [#outputBias()]
/// @param mlpBias whether gate, up and down projections have a bias
/// @param eosTokenIds every token that ends a text; may be empty
/// @param torchDtype dtype the weights were saved in
/// @param slidingWindow attention span in tokens, or null for the whole context
public record ModelConfig(
    String modelType,
    int hiddenSize,
    int intermediateSize,
    int numHiddenLayers,
    int numAttentionHeads,
    int numKeyValueHeads,
    int headDim,
    int vocabSize,
    int maxPositionEmbeddings,
    double rmsNormEps,
    double ropeTheta,
    @Nullable RopeScaling ropeScaling,
    boolean tieWordEmbeddings,
    boolean attentionBias,
    boolean mlpBias,
    String hiddenAct,
    @Nullable Integer bosTokenId,
    List<Integer> eosTokenIds,
    DType torchDtype,
    @Nullable Integer slidingWindow) {
  /// The configuration alone says how many tensors a model has, so it must not say billions; the
  /// deepest published models have a hundredth of it.
  private static final int MOST_LAYERS = 20_000;

  /// @throws UserException if the sizes contradict each other
  public ModelConfig {
    if (numHiddenLayers > MOST_LAYERS) {
      throw new UserException(
          "num_hidden_layers is %d; at most %d are supported."
              .formatted(numHiddenLayers, MOST_LAYERS));
    }
    if ((long) numAttentionHeads * headDim > Integer.MAX_VALUE) {
      throw new UserException(
          "num_attention_heads %d and head_dim %d make more than 2^31-1 columns."
              .formatted(numAttentionHeads, headDim));
    }
    if (numAttentionHeads % numKeyValueHeads != 0) {
      throw new UserException(
          "num_attention_heads %d is not a multiple of num_key_value_heads %d."
              .formatted(numAttentionHeads, numKeyValueHeads));
    }
    if (headDim % 2 != 0) {
      throw new UserException(
          "head_dim " + headDim + " is odd; rotary embeddings turn pairs of numbers.");
    }
  }

  /// Reads `config.json`.
  ///
  /// @param source the file, for messages
  /// @throws UserException if the architecture is not supported, a required key is missing, or a
  ///   value has the wrong type
  public static ModelConfig parse(ObjectNode json, String source) {
    ConfigKeys keys = new ConfigKeys(json, source);
    Family family = Family.of(keys.requiredString("model_type"), source);
    int heads = keys.requiredInt("num_attention_heads");
    int hidden = keys.requiredInt("hidden_size");
    if (keys.get("head_dim") == null && hidden % heads != 0) {
      throw new UserException(
          "hidden_size %d in %s is not a multiple of num_attention_heads %d."
              .formatted(hidden, source, heads));
    }
    @Nullable JsonNode rope = keys.get("rope_parameters");
    double ropeTheta = keys.number("rope_theta", 10_000);
    if (rope instanceof ObjectNode parameters) {
      ropeTheta = new ConfigKeys(parameters, source).number("rope_theta", ropeTheta);
    } else {
      rope = keys.get("rope_scaling");
    }
    return new ModelConfig(
        family.modelType(),
        hidden,
        keys.requiredInt("intermediate_size"),
        keys.requiredInt("num_hidden_layers"),
        heads,
        keys.positiveInt("num_key_value_heads", family.keyValueHeads(heads)),
        keys.positiveInt("head_dim", hidden / heads),
        keys.requiredInt("vocab_size"),
        keys.positiveInt("max_position_embeddings", family.maxPositionEmbeddings()),
        keys.number("rms_norm_eps", 1e-6),
        ropeTheta,
        RopeScaling.parse(rope, source),
        keys.bool("tie_word_embeddings", false),
        family == Family.QWEN2 || (family == Family.LLAMA && keys.bool("attention_bias", false)),
        family == Family.LLAMA && keys.bool("mlp_bias", false),
        activation(keys),
        keys.nullableInt("bos_token_id"),
        keys.ints("eos_token_id"),
        DType.parse(keys.string("dtype", keys.string("torch_dtype", "float32")), source),
        family.slidingWindow(keys));
  }

  private static String activation(ConfigKeys keys) {
    String name = keys.string("hidden_act", "silu");
    if (!name.equals("silu")) {
      throw new UserException(
          "hidden_act '" + name + "' in " + keys.source() + " is not supported; supported: silu.");
    }
    return name;
  }

  /// Whether the attention output projection has a bias: in llama with `attention_bias`, never in
  /// qwen2.
  public boolean outputBias() {
    return attentionBias && modelType.equals(Family.LLAMA.modelType());
  }

  /// A `config.json` that [#parse] reads back to an equal value and transformers accepts.
  public ObjectNode toJson() {
    Family family = Family.of(modelType, "the model");
    ObjectNode json = Json.object();
    json.putArray("architectures").add(family.className());
    json.put("model_type", modelType);
    json.put("hidden_size", hiddenSize);
    json.put("intermediate_size", intermediateSize);
    json.put("num_hidden_layers", numHiddenLayers);
    json.put("num_attention_heads", numAttentionHeads);
    json.put("num_key_value_heads", numKeyValueHeads);
    json.put("head_dim", headDim);
    json.put("vocab_size", vocabSize);
    json.put("max_position_embeddings", maxPositionEmbeddings);
    json.put("rms_norm_eps", rmsNormEps);
    json.put("rope_theta", ropeTheta);
    switch (ropeScaling) {
      case null -> json.putNull("rope_scaling");
      case RopeScaling.Linear linear ->
          json.putObject("rope_scaling").put("rope_type", "linear").put("factor", linear.factor());
      case RopeScaling.Llama3 llama3 ->
          json.putObject("rope_scaling")
              .put("rope_type", "llama3")
              .put("factor", llama3.factor())
              .put("low_freq_factor", llama3.lowFreqFactor())
              .put("high_freq_factor", llama3.highFreqFactor())
              .put("original_max_position_embeddings", llama3.originalMaxPositionEmbeddings());
    }
    json.put("tie_word_embeddings", tieWordEmbeddings);
    if (family == Family.LLAMA) {
      json.put("attention_bias", attentionBias);
      json.put("mlp_bias", mlpBias);
    } else {
      json.put("sliding_window", slidingWindow);
      json.put("use_sliding_window", slidingWindow != null);
    }
    json.put("hidden_act", hiddenAct);
    json.put("bos_token_id", bosTokenId);
    if (eosTokenIds.size() == 1) {
      json.put("eos_token_id", eosTokenIds.getFirst());
    } else {
      ArrayNode ids = json.putArray("eos_token_id");
      eosTokenIds.forEach(ids::add);
    }
    json.put("torch_dtype", torchDtype.torchName());
    return json;
  }
}
