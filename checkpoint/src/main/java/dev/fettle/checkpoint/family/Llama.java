package dev.fettle.checkpoint.family;

import dev.fettle.checkpoint.ConfigKeys;
import dev.fettle.checkpoint.Family;
import dev.fettle.checkpoint.ModelConfig;
import tools.jackson.databind.node.ObjectNode;

/// Llama 1 to 3, and all that compute like them: TinyLlama, SmolLM, Yi and others.
record Llama() implements Family {
  @Override
  public String modelType() {
    return "llama";
  }

  @Override
  public String className() {
    return "LlamaForCausalLM";
  }

  @Override
  public ModelConfig parse(ConfigKeys keys) {
    return new ConfigBuilder(this, keys).biasKeys().build();
  }

  @Override
  public void describe(ModelConfig config, ObjectNode json) {
    RotaryKeys.describe(config, json);
    json.put("attention_bias", config.biases().queryKeyValue());
    json.put("mlp_bias", config.biases().mlp());
  }
}
