package dev.fettle.checkpoint.family;

import dev.fettle.checkpoint.ConfigKeys;
import dev.fettle.checkpoint.Family;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.Multipliers;
import tools.jackson.databind.node.ObjectNode;

/// Granite 3: Llama with four constant factors.
record Granite() implements Family {
  @Override
  public String modelType() {
    return "granite";
  }

  @Override
  public String className() {
    return "GraniteForCausalLM";
  }

  @Override
  public ModelConfig parse(ConfigKeys keys) {
    return new ConfigBuilder(this, keys)
        .biasKeys()
        .attentionScale(keys.number("attention_multiplier", 1))
        .multipliers(
            new Multipliers(
                keys.number("embedding_multiplier", 1),
                keys.number("residual_multiplier", 1),
                keys.positiveNumber("logits_scaling", 1)))
        .build();
  }

  @Override
  public void describe(ModelConfig config, ObjectNode json) {
    new Llama().describe(config, json);
    json.put("attention_multiplier", config.attentionScale());
    json.put("embedding_multiplier", config.multipliers().embedding());
    json.put("residual_multiplier", config.multipliers().residual());
    json.put("logits_scaling", config.multipliers().logitsScaling());
  }
}
