package dev.fettle.checkpoint.family;

import dev.fettle.checkpoint.ConfigKeys;
import dev.fettle.checkpoint.Family;
import dev.fettle.checkpoint.ModelConfig;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// Mistral: Llama with a sliding window on every layer, unless it is null.
record Mistral() implements Family {
  @Override
  public String modelType() {
    return "mistral";
  }

  @Override
  public String className() {
    return "MistralForCausalLM";
  }

  @Override
  public ModelConfig parse(ConfigKeys keys) {
    ConfigBuilder config = new ConfigBuilder(this, keys).keyValueHeads(8).positions(4096 * 32);
    @Nullable Integer window =
        keys.object().has("sliding_window")
            ? keys.positiveOrNull("sliding_window")
            : Integer.valueOf(4096);
    return config.window(window, config.rotary(10_000)).build();
  }

  @Override
  public void describe(ModelConfig config, ObjectNode json) {
    RotaryKeys.describe(config, json);
    json.put("sliding_window", LayerKind.window(config));
  }
}
