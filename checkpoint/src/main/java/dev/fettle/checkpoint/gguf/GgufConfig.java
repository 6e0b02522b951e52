package dev.fettle.checkpoint.gguf;

import dev.fettle.checkpoint.Biases;
import dev.fettle.checkpoint.LayerAttention;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.Multipliers;
import dev.fettle.checkpoint.Norms;
import dev.fettle.checkpoint.SoftCaps;
import dev.fettle.checkpoint.family.Families;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// A model's configuration as metadata of a GGUF file, and back. Source of the keys: gguf-py,
/// `constants.py`; of what is written for a family: llama.cpp, `conversion/`.
public final class GgufConfig {
  public static final String ARCHITECTURE = "general.architecture";
  public static final String TYPE = "general.type";

  /// The value of `tokenizer.ggml.model` in a file without a tokenizer.
  public static final String NO_VOCABULARY = "no_vocab";

  private GgufConfig() {}

  /// The model's own keys, from `llama.block_count` on, in llama.cpp's order.
  ///
  /// @param source the model, for messages
  /// @throws UserException if llama.cpp cannot compute the model
  public static GgufMetadata toMetadata(ModelConfig config, String source) {
    GgufFamily family = GgufFamily.of(config);
    GgufLimits.check(family, config, source);
    GgufWindows windows = GgufWindows.of(family, config);
    GgufKeys keys = new GgufKeys(family);
    GgufMetadata metadata = new GgufMetadata(source);
    metadata.put(keys.blockCount(), GgufValue.u32(config.numHiddenLayers()));
    metadata.put(keys.contextLength(), GgufValue.u32(windows.contextLength()));
    metadata.put(keys.embeddingLength(), GgufValue.u32(config.hiddenSize()));
    metadata.put(keys.feedForwardLength(), GgufValue.u32(config.intermediateSize()));
    metadata.put(keys.headCount(), GgufValue.u32(config.numAttentionHeads()));
    metadata.put(keys.headCountKv(), GgufValue.u32(config.numKeyValueHeads()));
    metadata.put(keys.rmsEpsilon(), GgufValue.f32(config.rmsNormEps()));
    metadata.put(keys.keyLength(), GgufValue.u32(config.headDim()));
    metadata.put(keys.valueLength(), GgufValue.u32(config.headDim()));
    metadata.put(keys.vocabSize(), GgufValue.u32(config.vocabSize()));
    windows.write(family, keys, config, metadata);
    GgufRotary.of(family, config, windows, source).write(keys, metadata);
    writeConstants(family, keys, config, metadata);
    return metadata;
  }

  private static void writeConstants(
      GgufFamily family, GgufKeys keys, ModelConfig config, GgufMetadata metadata) {
    @Nullable Double logitsCap = config.softCaps().logits();
    if (family.has(GgufTrait.SOFT_CAPS)) {
      double none = GgufLimits.NO_CAP;
      metadata.put(
          keys.attentionCap(),
          GgufValue.f32(Objects.requireNonNullElse(config.softCaps().attention(), none)));
      metadata.put(keys.logitsCap(), GgufValue.f32(Objects.requireNonNullElse(logitsCap, none)));
    } else if (logitsCap != null) {
      metadata.put(keys.logitsCap(), GgufValue.f32(logitsCap));
    }
    if (family.has(GgufTrait.MULTIPLIERS)) {
      metadata.put(keys.attentionScale(), GgufValue.f32(config.attentionScale()));
      metadata.put(keys.embeddingScale(), GgufValue.f32(config.multipliers().embedding()));
      metadata.put(keys.residualScale(), GgufValue.f32(config.multipliers().residual()));
      metadata.put(keys.logitScale(), GgufValue.f32(config.multipliers().logitsScaling()));
    }
  }

  /// Sentences for the user about what a file says otherwise than the model.
  public static List<String> notes(ModelConfig config) {
    return GgufWindows.of(GgufFamily.of(config), config).notes();
  }

  /// Tensors that are no weights: divisors of rotary frequencies, by their name in the file.
  ///
  /// @throws UserException if llama.cpp cannot compute the model
  public static SequencedMap<String, float[]> ropeFactors(ModelConfig config, String source) {
    GgufFamily family = GgufFamily.of(config);
    return GgufRotary.of(family, config, GgufWindows.of(family, config), source).tensors();
  }

  /// What the tensors of a file say about the configuration.
  ///
  /// @param vocabSize rows of the embedding
  /// @param ropeFactors numbers of the tensors of [GgufFamily#ALL_ROPE_FACTORS] that are there
  /// @param tied whether there is no `output.weight`
  public record Tensors(
      int vocabSize, Map<String, float[]> ropeFactors, boolean tied, Biases biases, DType dtype) {}

  /// The configuration of a file.
  ///
  /// @throws UserException if a key is missing or means something that is not supported
  public static ModelConfig fromMetadata(GgufMetadata metadata, Tensors tensors) {
    GgufFamily family = GgufFamily.of(metadata.requiredText(ARCHITECTURE), metadata.source());
    GgufKeys keys = new GgufKeys(family);
    refuseExperts(metadata, keys);
    int hidden = metadata.requiredPositive(keys.embeddingLength());
    int heads = metadata.requiredPositive(keys.headCount());
    int headDim = headDim(metadata, keys, hidden, heads);
    List<@Nullable Integer> windows =
        GgufWindows.read(family, keys, layerCount(metadata, keys), metadata);
    GgufRotary rotary = GgufRotary.read(family, keys, headDim, tensors.ropeFactors(), metadata);
    List<LayerAttention> layers = new ArrayList<>();
    for (int layer = 0; layer < windows.size(); layer++) {
      layers.add(rotary.layer(layer, windows.get(layer)));
    }
    boolean anyWindow = windows.stream().anyMatch(Objects::nonNull);
    double usualScale = family.attentionScale(windows.size(), hidden, heads, headDim);
    return new ModelConfig(
        Families.of(family.modelType(anyWindow), metadata.source()),
        hidden,
        metadata.requiredPositive(keys.feedForwardLength()),
        windows.size(),
        heads,
        metadata.has(keys.headCountKv()) ? metadata.requiredPositive(keys.headCountKv()) : heads,
        headDim,
        tensors.vocabSize(),
        metadata.requiredPositive(keys.contextLength()),
        new Norms(
            decimal(metadata.requiredNumber(keys.rmsEpsilon())),
            family.has(GgufTrait.GEMMA),
            family.has(GgufTrait.QUERY_KEY_NORMS),
            family.has(GgufTrait.BRANCH_NORMS)),
        tensors.biases(),
        GgufLimits.activation(family),
        family.has(GgufTrait.FUSED),
        layers,
        family.has(GgufTrait.MULTIPLIERS)
            ? present(metadata, keys.attentionScale(), usualScale)
            : usualScale,
        multipliers(family, keys, hidden, metadata),
        softCaps(family, keys, metadata),
        tensors.tied(),
        metadata.whole("tokenizer.ggml.bos_token_id"),
        endTokens(metadata),
        tensors.dtype());
  }

  private static int layerCount(GgufMetadata metadata, GgufKeys keys) {
    int layers = metadata.requiredPositive(keys.blockCount());
    if (layers > ModelConfig.MOST_LAYERS) {
      throw new UserException(
          "Model %s claims %d layers; at most %d are supported."
              .formatted(metadata.source(), layers, ModelConfig.MOST_LAYERS));
    }
    return layers;
  }

  /// llama.cpp takes 0 for an absent number.
  private static double present(GgufMetadata metadata, String key, double fallback) {
    double value = decimal(metadata.number(key, 0));
    return value == 0 ? fallback : value;
  }

  private static Multipliers multipliers(
      GgufFamily family, GgufKeys keys, int hidden, GgufMetadata metadata) {
    return family.has(GgufTrait.MULTIPLIERS)
        ? new Multipliers(
            present(metadata, keys.embeddingScale(), 1),
            present(metadata, keys.residualScale(), 1),
            present(metadata, keys.logitScale(), 1))
        : GgufLimits.multipliers(family, hidden);
  }

  private static SoftCaps softCaps(GgufFamily family, GgufKeys keys, GgufMetadata metadata) {
    if (family.has(GgufTrait.SOFT_CAPS)) {
      return new SoftCaps(
          cap(metadata, keys.attentionCap(), 50), cap(metadata, keys.logitsCap(), 30));
    }
    return family.has(GgufTrait.LOGITS_CAP)
        ? new SoftCaps(null, cap(metadata, keys.logitsCap(), 0))
        : SoftCaps.NONE;
  }

  private static @Nullable Double cap(GgufMetadata metadata, String key, double fallback) {
    double cap = decimal(metadata.number(key, fallback));
    return cap > 0 && cap < GgufLimits.NO_CAP ? Double.valueOf(cap) : null;
  }

  private static void refuseExperts(GgufMetadata metadata, GgufKeys keys) {
    @Nullable Integer experts = metadata.whole(keys.expertCount());
    if (experts != null && experts > 0) {
      throw new UserException(
          "Model %s is a mixture of %d experts, which is not supported yet."
              .formatted(metadata.source(), experts));
    }
  }

  private static int headDim(GgufMetadata metadata, GgufKeys keys, int hidden, int heads) {
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
    String values = keys.valueLength();
    if (metadata.has(values) && metadata.requiredPositive(values) != headDim) {
      throw new UserException(
          "Key '%s' in %s is %d, but heads are %d wide; another width of values is not supported yet."
              .formatted(values, source, metadata.requiredPositive(values), headDim));
    }
    return headDim;
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
  static double decimal(double value) {
    return (float) value == value ? Double.parseDouble(Float.toString((float) value)) : value;
  }
}
