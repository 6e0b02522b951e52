package dev.fettle.checkpoint.family;

import dev.fettle.checkpoint.ConfigKeys;
import dev.fettle.checkpoint.Family;
import dev.fettle.checkpoint.ModelConfig;
import tools.jackson.databind.node.ObjectNode;

/// Phi-3, 3.5 and 4 mini, arXiv:2404.14219: fused projections, LongRoPE, in Phi-4 on a part of each
/// head.
record Phi3() implements Family {
  @Override
  public String modelType() {
    return "phi3";
  }

  @Override
  public String className() {
    return "Phi3ForCausalLM";
  }

  @Override
  public ModelConfig parse(ConfigKeys keys) {
    ConfigBuilder config =
        new ConfigBuilder(this, keys).positions(4096).eps(1e-5).tokens(1, 32000).fused();
    return config
        .window(keys.positiveOrNull("sliding_window"), config.partialRotary(10_000))
        .build();
  }

  @Override
  public void describe(ModelConfig config, ObjectNode json) {
    RotaryKeys.describe(config, json);
    json.putNull("pad_token_id"); // the default need not lie within the vocabulary
    json.put("sliding_window", LayerKind.window(config));
  }
}
