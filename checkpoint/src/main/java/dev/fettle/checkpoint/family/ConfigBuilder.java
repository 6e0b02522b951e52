package dev.fettle.checkpoint.family;

import dev.fettle.checkpoint.Activation;
import dev.fettle.checkpoint.Biases;
import dev.fettle.checkpoint.ConfigKeys;
import dev.fettle.checkpoint.Family;
import dev.fettle.checkpoint.LayerAttention;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.Multipliers;
import dev.fettle.checkpoint.Norms;
import dev.fettle.checkpoint.Rotary;
import dev.fettle.checkpoint.SoftCaps;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Reads the keys that all families share. A family sets what it does otherwise than the first
/// Llama: plain norms, no biases, SiLU, one rotary embedding on all layers, no windows.
final class ConfigBuilder {
  private final Family family;
  private final ConfigKeys keys;
  private final int hiddenSize;
  private final int heads;
  private final int layerCount;
  private int keyValueHeads;
  private int headDim;
  private int positions;
  private double eps;
  private @Nullable Norms norms;
  private Biases biases = Biases.NONE;
  private @Nullable Activation activation;
  private boolean fused;
  private @Nullable List<LayerAttention> layers;
  private @Nullable Double attentionScale;
  private Multipliers multipliers = Multipliers.NONE;
  private SoftCaps softCaps = SoftCaps.NONE;
  private boolean tied;
  private @Nullable Integer bos;
  private List<Integer> eos = List.of();

  /// @throws UserException if a size is missing or there are too many layers
  ConfigBuilder(Family family, ConfigKeys keys) {
    this.family = family;
    this.keys = keys;
    this.hiddenSize = keys.requiredInt("hidden_size");
    this.heads = keys.requiredInt("num_attention_heads");
    this.layerCount = keys.requiredInt("num_hidden_layers");
    if (layerCount > ModelConfig.MOST_LAYERS) {
      throw new UserException(
          "num_hidden_layers is %d; at most %d are supported."
              .formatted(layerCount, ModelConfig.MOST_LAYERS));
    }
    if (keys.bool("use_bidirectional_attention", false)) {
      throw new UserException(
          "use_bidirectional_attention in %s is true; only causal attention is supported."
              .formatted(keys.source()));
    }
    keyValueHeads(heads);
    positions(2048);
    eps(1e-6);
    tied(false);
    tokens(1, 2);
  }

  /// Heads of keys and values where the configuration does not say; `null` there means as many as
  /// those of the queries.
  ConfigBuilder keyValueHeads(int fallback) {
    keyValueHeads =
        keys.positiveInt(
            "num_key_value_heads", keys.object().has("num_key_value_heads") ? heads : fallback);
    return this;
  }

  /// Width of a head where the configuration does not say, instead of hidden size / heads.
  ConfigBuilder headDim(int fallback) {
    headDim = keys.positiveInt("head_dim", fallback);
    return this;
  }

  ConfigBuilder positions(int fallback) {
    positions = keys.positiveInt("max_position_embeddings", fallback);
    return this;
  }

  ConfigBuilder eps(double fallback) {
    eps = keys.number("rms_norm_eps", fallback);
    return this;
  }

  ConfigBuilder tied(boolean fallback) {
    tied = keys.bool("tie_word_embeddings", fallback);
    return this;
  }

  /// The beginning and the end of a text where the configuration has no such key.
  ConfigBuilder tokens(@Nullable Integer begin, @Nullable Integer end) {
    bos = keys.object().has("bos_token_id") ? keys.nullableInt("bos_token_id") : begin;
    eos =
        keys.object().has("eos_token_id") || end == null ? keys.ints("eos_token_id") : List.of(end);
    return this;
  }

  /// @param onePlusWeight see [Norms]
  ConfigBuilder norms(boolean onePlusWeight, boolean queryKey, boolean afterBranches) {
    norms = new Norms(eps, onePlusWeight, queryKey, afterBranches);
    return this;
  }

  ConfigBuilder biases(Biases value) {
    biases = value;
    return this;
  }

  /// `attention_bias` and `mlp_bias`, as Llama has them.
  ConfigBuilder biasKeys() {
    boolean attention = keys.bool("attention_bias", false);
    return biases(new Biases(attention, attention, keys.bool("mlp_bias", false)));
  }

  /// `attention_bias` alone.
  ConfigBuilder attentionBiasKey() {
    boolean attention = keys.bool("attention_bias", false);
    return biases(new Biases(attention, attention, false));
  }

  /// @param key usually `hidden_act`
  ConfigBuilder activation(String key, Activation fallback) {
    activation = Activation.parse(keys.string(key, fallback.hiddenAct()), keys.source());
    return this;
  }

  ConfigBuilder activation(Activation value) {
    activation = value;
    return this;
  }

  ConfigBuilder fused() {
    fused = true;
    return this;
  }

  ConfigBuilder layers(List<LayerAttention> value) {
    layers = value;
    return this;
  }

  /// The same window on every layer.
  ConfigBuilder window(@Nullable Integer window, Rotary rotary) {
    return layers(Collections.nCopies(layerCount, new LayerAttention(window, rotary)));
  }

  /// Layers that differ by the window alone.
  ConfigBuilder windows(List<LayerKind> kinds, @Nullable Integer window, Rotary rotary) {
    List<LayerAttention> each = new ArrayList<>();
    for (LayerKind kind : kinds) {
      each.add(new LayerAttention(kind == LayerKind.SLIDING ? window : null, rotary));
    }
    return layers(each);
  }

  ConfigBuilder attentionScale(double value) {
    attentionScale = value;
    return this;
  }

  ConfigBuilder multipliers(Multipliers value) {
    multipliers = value;
    return this;
  }

  ConfigBuilder softCaps(SoftCaps value) {
    softCaps = value;
    return this;
  }

  int layerCount() {
    return layerCount;
  }

  int hiddenSize() {
    return hiddenSize;
  }

  int headDim() {
    if (headDim == 0) {
      if (keys.get("head_dim") == null && hiddenSize % heads != 0) {
        throw new UserException(
            "hidden_size %d in %s is not a multiple of num_attention_heads %d."
                .formatted(hiddenSize, keys.source(), heads));
      }
      headDim(hiddenSize / heads);
    }
    return headDim;
  }

  /// The rotary embedding that the configuration describes for all layers.
  Rotary rotary(double defaultTheta) {
    return RotaryKeys.read(keys, headDim(), positions, defaultTheta);
  }

  /// The same, in a family that obeys `partial_rotary_factor`.
  Rotary partialRotary(double defaultTheta) {
    return RotaryKeys.readPartial(keys, headDim(), positions, defaultTheta);
  }

  int positions() {
    return positions;
  }

  ModelConfig build() {
    int dim = headDim();
    List<LayerAttention> attention = layers;
    if (attention == null) {
      attention = Collections.nCopies(layerCount, new LayerAttention(null, rotary(10_000)));
    }
    Activation function = activation;
    if (function == null) {
      function = Activation.parse(keys.string("hidden_act", "silu"), keys.source());
    }
    return new ModelConfig(
        family,
        hiddenSize,
        keys.requiredInt("intermediate_size"),
        layerCount,
        heads,
        keyValueHeads,
        dim,
        keys.requiredInt("vocab_size"),
        positions,
        norms == null ? Norms.plain(eps) : norms,
        biases,
        function,
        fused,
        attention,
        attentionScale == null ? 1 / Math.sqrt(dim) : attentionScale,
        multipliers,
        softCaps,
        tied,
        bos,
        eos,
        DType.parse(keys.string("dtype", keys.string("torch_dtype", "float32")), keys.source()));
  }
}
