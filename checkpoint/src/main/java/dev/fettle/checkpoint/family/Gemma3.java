package dev.fettle.checkpoint.family;

import dev.fettle.checkpoint.Activation;
import dev.fettle.checkpoint.ConfigKeys;
import dev.fettle.checkpoint.Family;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.LayerAttention;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.Rotary;
import dev.fettle.checkpoint.SoftCaps;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// The text part of Gemma 3, arXiv:2503.19786: five layers with a window and a small rotary base to
/// one without, norms on the heads of queries and keys instead of soft caps on the scores.
record Gemma3() implements Family {
  private static final String LOCAL_THETA = "rope_local_base_freq";

  @Override
  public String modelType() {
    return "gemma3_text";
  }

  @Override
  public String className() {
    return "Gemma3ForCausalLM";
  }

  @Override
  public ModelConfig parse(ConfigKeys keys) {
    ConfigBuilder config =
        Gemma.common(this, keys)
            .keyValueHeads(4)
            .positions(131_072)
            .norms(true, true, true)
            .activation("hidden_activation", Activation.GELU_TANH)
            .attentionScale(Gemma2.scale(keys))
            .softCaps(new SoftCaps(null, Gemma2.cap(keys, "final_logit_softcapping", null)));
    int pattern = keys.positiveInt("sliding_window_pattern", 6);
    List<LayerKind> kinds =
        LayerKind.read(keys, config.layerCount(), layer -> (layer + 1) % pattern != 0);
    return config.layers(layers(keys, config, kinds)).build();
  }

  private static List<LayerAttention> layers(
      ConfigKeys keys, ConfigBuilder config, List<LayerKind> kinds) {
    LayerAttention full =
        new LayerAttention(
            null, rotary(keys, config, "full_attention", keys.number(RotaryKeys.THETA, 1_000_000)));
    LayerAttention sliding =
        new LayerAttention(
            Gemma2.window(keys),
            rotary(keys, config, "sliding_attention", keys.number(LOCAL_THETA, 10_000)));
    List<LayerAttention> layers = new ArrayList<>();
    kinds.forEach(kind -> layers.add(kind == LayerKind.FULL ? full : sliding));
    return layers;
  }

  /// A scaling in the older form belongs to the layers without a window.
  private static Rotary rotary(ConfigKeys keys, ConfigBuilder config, String kind, double theta) {
    ObjectNode merged = Json.object();
    if (keys.get(RotaryKeys.NEW) instanceof ObjectNode all
        && all.get(kind) instanceof ObjectNode own) {
      merged.setAll(own);
    }
    if (kind.equals("full_attention") && keys.get(RotaryKeys.OLD) instanceof ObjectNode old) {
      merged.setAll(old);
    }
    return RotaryKeys.of(
        new ConfigKeys(merged, keys.source()), keys, config.headDim(), config.positions(), theta);
  }

  @Override
  public void describe(ModelConfig config, ObjectNode json) {
    for (LayerAttention layer : config.layers().reversed()) {
      @Nullable Rotary rotary = layer.rotary();
      if (rotary == null) {
        throw new IllegalStateException("every layer knows positions");
      }
      if (layer.window() == null) {
        RotaryKeys.describe(rotary, config, json);
      } else {
        json.put(LOCAL_THETA, rotary.theta());
      }
    }
    json.put("attention_bias", config.biases().queryKeyValue());
    json.put("hidden_activation", config.activation().hiddenAct());
    json.put("query_pre_attn_scalar", Gemma2.scalar(config));
    json.putNull("attn_logit_softcapping");
    json.put("final_logit_softcapping", config.softCaps().logits());
    LayerKind.describe(config, json);
  }
}
