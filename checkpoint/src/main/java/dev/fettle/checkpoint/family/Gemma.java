package dev.fettle.checkpoint.family;

import dev.fettle.checkpoint.Activation;
import dev.fettle.checkpoint.ConfigKeys;
import dev.fettle.checkpoint.Family;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.Multipliers;
import tools.jackson.databind.node.ObjectNode;

/// Gemma 1, arXiv:2403.08295: gains of `1 + weight`, embeddings times `√hidden`, GeGLU, heads wider
/// than hidden size / heads, tied embeddings.
record Gemma() implements Family {
  @Override
  public String modelType() {
    return "gemma";
  }

  @Override
  public String className() {
    return "GemmaForCausalLM";
  }

  /// The first releases say `gelu` and mean the approximation by tanh; transformers reads it so.
  @Override
  public ModelConfig parse(ConfigKeys keys) {
    ConfigBuilder config = common(this, keys).norms(true, false, false);
    config.activation("hidden_act", Activation.GELU_TANH);
    if (keys.string("hidden_act", "").equals("gelu")) {
      config.activation(Activation.GELU_TANH);
    }
    return config.keyValueHeads(16).build();
  }

  /// What all generations share.
  static ConfigBuilder common(Family family, ConfigKeys keys) {
    ConfigBuilder config = new ConfigBuilder(family, keys);
    return config
        .headDim(256)
        .positions(8192)
        .tied(true)
        .tokens(2, 1)
        .attentionBiasKey()
        .multipliers(new Multipliers(Math.sqrt(config.hiddenSize()), 1, 1));
  }

  @Override
  public void describe(ModelConfig config, ObjectNode json) {
    RotaryKeys.describe(config, json);
    json.put("attention_bias", config.biases().queryKeyValue());
  }
}
