package dev.fettle.checkpoint.gguf;

import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.RopeScaling;
import dev.fettle.checkpoint.Rotary;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// A model's configuration as metadata of a GGUF file, and back. Source of the keys: gguf-py,
/// `constants.py`; of what is written for a family: llama.cpp, `conversion/`.
public final class GgufConfig {
  public static final String ARCHITECTURE = "general.architecture";
  public static final String TYPE = "general.type";

  /// The value of `tokenizer.ggml.model` in a file without a tokenizer.
  public static final String NO_VOCABULARY = "no_vocab";

  /// Low and high factor and original length of Llama 3's scaling, which its tensor of divisors
  /// does not always determine; readers other than Fettle ignore it.
  private static final String LLAMA3 = "fettle.rope_scaling.llama3";

  private GgufConfig() {}

  /// The model's own keys, from `llama.block_count` on, in llama.cpp's order.
  ///
  /// @param source the model, for messages
  public static GgufMetadata toMetadata(ModelConfig config, String source) {
    GgufFamily family = GgufFamily.of(config);
    Keys keys = new Keys(family);
    GgufMetadata metadata = new GgufMetadata(source);
    metadata.put(keys.blockCount(), GgufValue.u32(config.numHiddenLayers()));
    metadata.put(keys.contextLength(), GgufValue.u32(contextLength(config)));
    metadata.put(keys.embeddingLength(), GgufValue.u32(config.hiddenSize()));
    metadata.put(keys.feedForwardLength(), GgufValue.u32(config.intermediateSize()));
    metadata.put(keys.headCount(), GgufValue.u32(config.numAttentionHeads()));
    metadata.put(keys.headCountKv(), GgufValue.u32(config.numKeyValueHeads()));
    Rotary rotary = rotary(config);
    metadata.put(keys.freqBase(), GgufValue.f32(rotary.theta()));
    metadata.put(keys.rmsEpsilon(), GgufValue.f32(config.rmsNormEps()));
    metadata.put(keys.keyLength(), GgufValue.u32(config.headDim()));
    metadata.put(keys.valueLength(), GgufValue.u32(config.headDim()));
    metadata.put(keys.vocabSize(), GgufValue.u32(config.vocabSize()));
    metadata.put(keys.dimensionCount(), GgufValue.u32(config.headDim()));
    @Nullable Integer window = config.layers().getFirst().window();
    if (window != null) {
      metadata.put(keys.slidingWindow(), GgufValue.u32(window));
    }
    switch (rotary.scaling()) {
      case null -> {}
      case RopeScaling.Linear linear -> {
        metadata.put(keys.scalingType(), "linear");
        metadata.put(keys.scalingFactor(), GgufValue.f32(linear.factor()));
      }
      case RopeScaling.Llama3 llama3 ->
          metadata.put(
              LLAMA3,
              GgufValue.floats(
                  (float) llama3.lowFreqFactor(),
                  (float) llama3.highFreqFactor(),
                  llama3.originalMaxPositionEmbeddings()));
      case RopeScaling.Dynamic dynamic -> throw unwritten(dynamic, source);
      case RopeScaling.Yarn yarn -> throw unwritten(yarn, source);
      case RopeScaling.Longrope longrope -> throw unwritten(longrope, source);
    }
    return metadata;
  }

  private static UserException unwritten(RopeScaling scaling, String source) {
    return new UserException(
        "RoPE scaling %s of %s cannot be written as GGUF yet; supported: linear and Llama 3's."
            .formatted(scaling.getClass().getSimpleName(), source));
  }

  /// The rotary embedding of all layers.
  private static Rotary rotary(ModelConfig config) {
    @Nullable Rotary rotary = config.layers().getFirst().rotary();
    if (rotary == null) {
      throw new IllegalStateException("a family of GGUF without rotary embeddings");
    }
    return rotary;
  }

  /// The positions in which llama.cpp computes what the model does: it has no sliding window for
  /// these families, so only those inside the window.
  static int contextLength(ModelConfig config) {
    @Nullable Integer window = config.layers().getFirst().window();
    int positions = config.maxPositionEmbeddings();
    return window == null ? positions : Math.min(positions, window);
  }

  /// The divisors that go into `rope_freqs.weight`, or null if the model needs none.
  public static float @Nullable [] ropeFactors(ModelConfig config) {
    Rotary rotary = rotary(config);
    return rotary.scaling() instanceof RopeScaling.Llama3 llama3
        ? RopeFactors.of(llama3, rotary.theta(), config.headDim())
        : null;
  }

  /// What the tensors of a file say about the configuration.
  ///
  /// @param vocabSize rows of the embedding
  /// @param ropeFactors numbers of `rope_freqs.weight`, or null
  /// @param tied whether there is no `output.weight`
  /// @param attentionBias whether `attn_q` has a bias
  /// @param mlpBias whether `ffn_gate` has a bias
  public record Tensors(
      int vocabSize,
      float @Nullable [] ropeFactors,
      boolean tied,
      boolean attentionBias,
      boolean mlpBias,
      DType dtype) {}

  /// The configuration of a file.
  ///
  /// @throws UserException if a key is missing or means something that is not supported
  public static ModelConfig fromMetadata(GgufMetadata metadata, Tensors tensors) {
    GgufFamily family = GgufFamily.of(metadata.requiredText(ARCHITECTURE), metadata.source());
    Keys keys = new Keys(family);
    refuseExperts(metadata, keys);
    int hidden = metadata.requiredPositive(keys.embeddingLength());
    int heads = metadata.requiredPositive(keys.headCount());
    int headDim = headDim(metadata, keys, hidden, heads);
    double theta = decimal(metadata.number(keys.freqBase(), 10_000));
    @Nullable Integer window = metadata.whole(keys.slidingWindow());
    int positions = metadata.requiredPositive(keys.contextLength());
    ObjectNode json = Json.object();
    json.put(
        "model_type",
        family == GgufFamily.LLAMA && window != null ? "mistral" : family.architecture());
    json.put("hidden_size", hidden);
    json.put("intermediate_size", metadata.requiredPositive(keys.feedForwardLength()));
    json.put("num_hidden_layers", metadata.requiredPositive(keys.blockCount()));
    json.put("num_attention_heads", heads);
    json.put(
        "num_key_value_heads",
        metadata.has(keys.headCountKv()) ? metadata.requiredPositive(keys.headCountKv()) : heads);
    json.put("head_dim", headDim);
    json.put("vocab_size", tensors.vocabSize());
    json.put("max_position_embeddings", positions);
    json.put("rms_norm_eps", decimal(metadata.requiredNumber(keys.rmsEpsilon())));
    json.put("rope_theta", theta);
    @Nullable RopeScaling scaling =
        ropeScaling(metadata, keys, tensors.ropeFactors(), theta, headDim);
    if (scaling != null) {
      json.set("rope_scaling", scaling.toJson());
    }
    json.put("tie_word_embeddings", tensors.tied());
    json.put("attention_bias", tensors.attentionBias());
    json.put("mlp_bias", tensors.mlpBias());
    json.put("sliding_window", window);
    json.put("use_sliding_window", window != null);
    json.put("bos_token_id", metadata.whole("tokenizer.ggml.bos_token_id"));
    endTokens(metadata).forEach(json.putArray("eos_token_id")::add);
    json.put("torch_dtype", tensors.dtype().torchName());
    return ModelConfig.parse(json, metadata.source());
  }

  private static void refuseExperts(GgufMetadata metadata, Keys keys) {
    @Nullable Integer experts = metadata.whole(keys.expertCount());
    if (experts != null && experts > 0) {
      throw new UserException(
          "Model %s is a mixture of %d experts, which is not supported yet."
              .formatted(metadata.source(), experts));
    }
  }

  private static int headDim(GgufMetadata metadata, Keys keys, int hidden, int heads) {
    String source = metadata.source();
    if (!metadata.has(keys.keyLength()) && hidden % heads != 0) {
      throw new UserException(
          "Key '%s' (%d) in %s is not a multiple of '%s' (%d)."
              .formatted(keys.embeddingLength(), hidden, source, keys.headCount(), heads));
    }
    int headDim =
        metadata.has(keys.keyLength())
            ? metadata.requiredPositive(keys.keyLength())
            : hidden / heads;
    for (String other : List.of(keys.valueLength(), keys.dimensionCount())) {
      if (metadata.has(other) && metadata.requiredPositive(other) != headDim) {
        throw new UserException(
            "Key '%s' in %s is %d, but heads are %d wide; other widths of values or rotary embeddings are not supported yet."
                .formatted(other, source, metadata.requiredPositive(other), headDim));
      }
    }
    return headDim;
  }

  private static @Nullable RopeScaling ropeScaling(
      GgufMetadata metadata, Keys keys, float @Nullable [] factors, double theta, int headDim) {
    @Nullable String type = metadata.text(keys.scalingType());
    if (type != null && !type.equals("none") && !type.equals("linear")) {
      throw new UserException(
          "RoPE scaling '%s' in %s is not supported yet; supported: none, linear, and Llama 3's."
              .formatted(type, metadata.source()));
    }
    double linear =
        "none".equals(type)
            ? 1
            : decimal(
                metadata.number(keys.scalingFactor(), metadata.number(keys.scaleLinear(), 1)));
    if (factors == null) {
      return linear == 1 || linear == 0 ? null : new RopeScaling.Linear(linear);
    }
    if (linear != 1) {
      throw new UserException(
          "Model %s scales rotary frequencies both linearly and by '%s', which is not supported."
              .formatted(metadata.source(), GgufFamily.ROPE_FACTORS));
    }
    return RopeFactors.recover(
        factors, knownLlama3(metadata, factors), theta, headDim, metadata.source());
  }

  private static RopeScaling.@Nullable Llama3 knownLlama3(GgufMetadata metadata, float[] factors) {
    GgufValue.@Nullable Numbers noted = metadata.numbers(LLAMA3);
    if (noted == null || noted.size() != 3 || noted.elementType() != GgufValueType.F32) {
      return null;
    }
    double factor = 1;
    for (float each : factors) {
      factor = Math.max(factor, each);
    }
    return new RopeScaling.Llama3(
        factor, decimal(noted.doubleAt(0)), decimal(noted.doubleAt(1)), (int) noted.doubleAt(2));
  }

  /// Every token that ends a text: `eos`, and `eot`, which ends a turn.
  private static List<Integer> endTokens(GgufMetadata metadata) {
    List<Integer> ids = new ArrayList<>();
    for (String key : List.of("tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id")) {
      @Nullable Integer id = metadata.whole(key);
      if (id != null && !ids.contains(id)) {
        ids.add(id);
      }
    }
    return ids;
  }

  /// The shortest decimal that is this float32 number, such as 1e-5: what was meant.
  private static double decimal(double value) {
    return (float) value == value ? Double.parseDouble(Float.toString((float) value)) : value;
  }

  /// The keys that begin with the architecture's name.
  private record Keys(GgufFamily family) {
    private String key(String rest) {
      return family.architecture() + "." + rest;
    }

    String blockCount() {
      return key("block_count");
    }

    String contextLength() {
      return key("context_length");
    }

    String embeddingLength() {
      return key("embedding_length");
    }

    String feedForwardLength() {
      return key("feed_forward_length");
    }

    String headCount() {
      return key("attention.head_count");
    }

    String headCountKv() {
      return key("attention.head_count_kv");
    }

    String keyLength() {
      return key("attention.key_length");
    }

    String valueLength() {
      return key("attention.value_length");
    }

    String rmsEpsilon() {
      return key("attention.layer_norm_rms_epsilon");
    }

    String slidingWindow() {
      return key("attention.sliding_window");
    }

    String freqBase() {
      return key("rope.freq_base");
    }

    String dimensionCount() {
      return key("rope.dimension_count");
    }

    String scalingType() {
      return key("rope.scaling.type");
    }

    String scalingFactor() {
      return key("rope.scaling.factor");
    }

    String scaleLinear() {
      return key("rope.scale_linear");
    }

    String vocabSize() {
      return key("vocab_size");
    }

    String expertCount() {
      return key("expert_count");
    }
  }
}
