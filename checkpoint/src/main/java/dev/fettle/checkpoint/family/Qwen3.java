package dev.fettle.checkpoint.family;

import dev.fettle.checkpoint.ConfigKeys;
import dev.fettle.checkpoint.Family;
import dev.fettle.checkpoint.ModelConfig;
import tools.jackson.databind.node.ObjectNode;

/// Qwen 3: norms on the heads of queries and keys instead of biases.
record Qwen3() implements Family {
  @Override
  public String modelType() {
    return "qwen3";
  }

  @Override
  public String className() {
    return "Qwen3ForCausalLM";
  }

  @Override
  public ModelConfig parse(ConfigKeys keys) {
    ConfigBuilder config =
        new ConfigBuilder(this, keys)
            .keyValueHeads(32)
            .headDim(128)
            .positions(32768)
            .tokens(null, null)
            .norms(false, true, false)
            .attentionBiasKey();
    return Qwen2.windows(config, keys).build();
  }

  @Override
  public void describe(ModelConfig config, ObjectNode json) {
    new Qwen2().describe(config, json);
    json.put("attention_bias", config.biases().queryKeyValue());
  }
}
