package dev.fettle.checkpoint;

import dev.fettle.checkpoint.family.Families;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What determines the computation of a decoder, read from a Hugging Face `config.json` by its
/// [Family]. Absent keys have the values transformers gives them; the five sizes that transformers
/// always writes are required.
///
/// @param headDim width of one attention head; not always hidden size / heads
/// @param fusedProjections whether queries, keys and values come from one linear layer `qkv_proj`,
///   and gate and up from one `gate_up_proj`, in this order
/// @param layers how each layer attends
/// @param attentionScale factor of the products of queries and keys, usually `1/√headDim`
/// @param eosTokenIds every token that ends a text; may be empty
/// @param torchDtype dtype the weights were saved in
public record ModelConfig(
    Family family,
    int hiddenSize,
    int intermediateSize,
    int numHiddenLayers,
    int numAttentionHeads,
    int numKeyValueHeads,
    int headDim,
    int vocabSize,
    int maxPositionEmbeddings,
    Norms norms,
    Biases biases,
    Activation activation,
    boolean fusedProjections,
    List<LayerAttention> layers,
    double attentionScale,
    Multipliers multipliers,
    SoftCaps softCaps,
    boolean tieWordEmbeddings,
    @Nullable Integer bosTokenId,
    List<Integer> eosTokenIds,
    DType torchDtype) {
  /// The configuration alone says how many tensors a model has, so it must not say billions; the
  /// deepest published models have a hundredth of it.
  public static final int MOST_LAYERS = 20_000;

  /// @throws UserException if the sizes contradict each other
  public ModelConfig {
    layers = List.copyOf(layers);
    eosTokenIds = List.copyOf(eosTokenIds);
    if ((long) (numAttentionHeads + 2L * numKeyValueHeads) * headDim > Integer.MAX_VALUE) {
      throw new UserException(
          "num_attention_heads %d and head_dim %d make more than 2^31-1 columns."
              .formatted(numAttentionHeads, headDim));
    }
    if (2L * intermediateSize > Integer.MAX_VALUE) {
      throw new UserException(
          "intermediate_size %d makes more than 2^31-1 columns.".formatted(intermediateSize));
    }
    if (numAttentionHeads % numKeyValueHeads != 0) {
      throw new UserException(
          "num_attention_heads %d is not a multiple of num_key_value_heads %d."
              .formatted(numAttentionHeads, numKeyValueHeads));
    }
    if (layers.size() != numHiddenLayers) {
      throw new UserException(
          "The configuration describes %d layers, but num_hidden_layers is %d."
              .formatted(layers.size(), numHiddenLayers));
    }
    layers.stream()
        .map(LayerAttention::rotary)
        .filter(Objects::nonNull)
        .distinct()
        .forEach(rotary -> checkRotary(rotary, headDim));
  }

  private static void checkRotary(Rotary rotary, int headDim) {
    if (rotary.dims() % 2 != 0) {
      throw new UserException(
          "head_dim " + rotary.dims() + " is odd; rotary embeddings turn pairs of numbers.");
    }
    if (rotary.dims() <= 0 || rotary.dims() > headDim) {
      throw new UserException(
          "Rotary embeddings of %d numbers do not fit heads of %d."
              .formatted(rotary.dims(), headDim));
    }
    if (rotary.scaling() instanceof RopeScaling.Longrope longrope
        && longrope.shortFactor().size() != rotary.dims() / 2) {
      throw new UserException(
          "short_factor and long_factor have %d numbers; rotary embeddings of %d numbers need %d."
              .formatted(longrope.shortFactor().size(), rotary.dims(), rotary.dims() / 2));
    }
  }

  /// Reads `config.json`; of a model that also sees images, the part about text.
  ///
  /// @param source the file, for messages
  /// @throws UserException if the architecture is not supported, a required key is missing, or a
  ///   value has the wrong type
  public static ModelConfig parse(ObjectNode json, String source) {
    ConfigKeys keys = new ConfigKeys(TextPart.config(json), source);
    return Families.of(keys.requiredString("model_type"), source).parse(keys);
  }

  /// The same, with a head of its own.
  ModelConfig withOwnHead() {
    return new ModelConfig(
        family,
        hiddenSize,
        intermediateSize,
        numHiddenLayers,
        numAttentionHeads,
        numKeyValueHeads,
        headDim,
        vocabSize,
        maxPositionEmbeddings,
        norms,
        biases,
        activation,
        fusedProjections,
        layers,
        attentionScale,
        multipliers,
        softCaps,
        false,
        bosTokenId,
        eosTokenIds,
        torchDtype);
  }

  /// The value of `model_type`, such as `llama`.
  public String modelType() {
    return family.modelType();
  }

  /// What is added to the mean square in every norm.
  public double rmsNormEps() {
    return norms.eps();
  }

  /// Whether every layer sees all positions before it.
  public boolean attendsEverywhere() {
    return layers.stream().allMatch(layer -> layer.window() == null);
  }

  /// The longest text the model takes, in tokens: `max_position_embeddings`, or more where its
  /// rotary embeddings stretch with the text.
  public int maxLength() {
    double longest = maxPositionEmbeddings;
    for (LayerAttention layer : layers) {
      Rotary rotary = layer.rotary();
      longest = Math.max(longest, rotary == null ? 0 : rotary.stretchedLength());
    }
    return (int) longest;
  }

  /// A `config.json` that [#parse] reads back to an equal value and transformers accepts.
  public ObjectNode toJson() {
    ObjectNode json = Json.object();
    json.putArray("architectures").add(family.className());
    json.put("model_type", modelType());
    json.put("hidden_size", hiddenSize);
    json.put("intermediate_size", intermediateSize);
    json.put("num_hidden_layers", numHiddenLayers);
    json.put("num_attention_heads", numAttentionHeads);
    json.put("num_key_value_heads", numKeyValueHeads);
    json.put("head_dim", headDim);
    json.put("vocab_size", vocabSize);
    json.put("max_position_embeddings", maxPositionEmbeddings);
    json.put("rms_norm_eps", norms.eps());
    json.put("tie_word_embeddings", tieWordEmbeddings);
    json.put("hidden_act", activation.hiddenAct());
    family.describe(this, json);
    json.put("bos_token_id", bosTokenId);
    switch (eosTokenIds.size()) {
      case 0 -> json.putNull("eos_token_id");
      case 1 -> json.put("eos_token_id", eosTokenIds.getFirst());
      default -> {
        ArrayNode ids = json.putArray("eos_token_id");
        eosTokenIds.forEach(ids::add);
      }
    }
    json.put("torch_dtype", torchDtype.torchName());
    return json;
  }
}
