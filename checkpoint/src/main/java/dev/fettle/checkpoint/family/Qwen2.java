package dev.fettle.checkpoint.family;

import dev.fettle.checkpoint.Biases;
import dev.fettle.checkpoint.ConfigKeys;
import dev.fettle.checkpoint.Family;
import dev.fettle.checkpoint.ModelConfig;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// Qwen 1.5, 2 and 2.5: biases on queries, keys and values.
record Qwen2() implements Family {
  @Override
  public String modelType() {
    return "qwen2";
  }

  @Override
  public String className() {
    return "Qwen2ForCausalLM";
  }

  @Override
  public ModelConfig parse(ConfigKeys keys) {
    ConfigBuilder config =
        new ConfigBuilder(this, keys)
            .keyValueHeads(32)
            .positions(32768)
            .tokens(null, null)
            .biases(new Biases(true, false, false));
    return windows(config, keys).build();
  }

  /// The window is on with `use_sliding_window`, from layer `max_window_layers` on.
  static ConfigBuilder windows(ConfigBuilder config, ConfigKeys keys) {
    @Nullable Integer window =
        keys.bool("use_sliding_window", false)
            ? keys.object().has("sliding_window")
                ? keys.positiveOrNull("sliding_window")
                : Integer.valueOf(4096)
            : null;
    @Nullable Integer given = keys.nullableInt("max_window_layers");
    int first = given == null ? 28 : given;
    return config.windows(
        LayerKind.read(keys, config.layerCount(), layer -> window != null && layer >= first),
        window,
        config.rotary(10_000));
  }

  @Override
  public void describe(ModelConfig config, ObjectNode json) {
    RotaryKeys.describe(config, json);
    LayerKind.describe(config, json);
    json.put("use_sliding_window", !config.attendsEverywhere());
  }
}
