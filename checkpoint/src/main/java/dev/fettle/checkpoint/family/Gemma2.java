package dev.fettle.checkpoint.family;

import dev.fettle.checkpoint.Activation;
import dev.fettle.checkpoint.ConfigKeys;
import dev.fettle.checkpoint.Family;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.SoftCaps;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// Gemma 2, arXiv:2408.00118: soft caps, a window on every other layer, norms before and after each
/// branch.
record Gemma2() implements Family {
  @Override
  public String modelType() {
    return "gemma2";
  }

  @Override
  public String className() {
    return "Gemma2ForCausalLM";
  }

  @Override
  public ModelConfig parse(ConfigKeys keys) {
    ConfigBuilder config =
        Gemma.common(this, keys)
            .keyValueHeads(4)
            .norms(true, false, true)
            .activation("hidden_activation", Activation.GELU_TANH)
            .attentionScale(scale(keys))
            .softCaps(
                new SoftCaps(
                    cap(keys, "attn_logit_softcapping", 50.0),
                    cap(keys, "final_logit_softcapping", 30.0)));
    return config
        .windows(
            LayerKind.read(keys, config.layerCount(), layer -> layer % 2 == 0),
            window(keys),
            config.rotary(10_000))
        .build();
  }

  /// The reciprocal root of `query_pre_attn_scalar`.
  static double scale(ConfigKeys keys) {
    return 1 / Math.sqrt(keys.positiveNumber("query_pre_attn_scalar", 256));
  }

  static @Nullable Integer window(ConfigKeys keys) {
    return keys.object().has("sliding_window")
        ? keys.positiveOrNull("sliding_window")
        : Integer.valueOf(4096);
  }

  /// @param fallback where the key is absent; JSON's null means no cap
  static @Nullable Double cap(ConfigKeys keys, String key, @Nullable Double fallback) {
    if (!keys.object().has(key)) {
      return fallback;
    }
    return keys.get(key) == null ? null : Double.valueOf(keys.positiveNumber(key, 1));
  }

  @Override
  public void describe(ModelConfig config, ObjectNode json) {
    new Gemma().describe(config, json);
    json.put("hidden_activation", config.activation().hiddenAct());
    json.put("query_pre_attn_scalar", scalar(config));
    json.put("attn_logit_softcapping", config.softCaps().attention());
    json.put("final_logit_softcapping", config.softCaps().logits());
    LayerKind.describe(config, json);
  }

  /// transformers demands a whole number.
  static long scalar(ModelConfig config) {
    return Math.round(1 / (config.attentionScale() * config.attentionScale()));
  }
}
