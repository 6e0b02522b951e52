package dev.fettle.checkpoint.family;

import dev.fettle.checkpoint.ConfigKeys;
import dev.fettle.checkpoint.Family;
import dev.fettle.checkpoint.LayerAttention;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.Rotary;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// SmolLM3: Llama without rotary embeddings on some layers.
record SmolLm3() implements Family {
  private static final String ROTARY_LAYERS = "no_rope_layers";

  @Override
  public String modelType() {
    return "smollm3";
  }

  @Override
  public String className() {
    return "SmolLM3ForCausalLM";
  }

  @Override
  public ModelConfig parse(ConfigKeys keys) {
    ConfigBuilder config =
        new ConfigBuilder(this, keys)
            .keyValueHeads(4)
            .positions(32768)
            .tied(true)
            .tokens(128000, 128001)
            .biasKeys();
    return config.layers(layers(keys, config)).build();
  }

  private static List<LayerAttention> layers(ConfigKeys keys, ConfigBuilder config) {
    List<Boolean> rotated = rotated(keys, config.layerCount());
    @Nullable Integer window =
        keys.bool("use_sliding_window", false) ? keys.positiveOrNull("sliding_window") : null;
    List<LayerKind> kinds =
        LayerKind.read(keys, config.layerCount(), layer -> window != null && !rotated.get(layer));
    Rotary rotary = config.rotary(2_000_000);
    List<LayerAttention> layers = new ArrayList<>();
    for (int layer = 0; layer < config.layerCount(); layer++) {
      layers.add(
          new LayerAttention(
              kinds.get(layer) == LayerKind.SLIDING ? window : null,
              rotated.get(layer) ? rotary : null));
    }
    return layers;
  }

  /// In `no_rope_layers`, 1 means that the layer does have rotary embeddings.
  private static List<Boolean> rotated(ConfigKeys keys, int layers) {
    List<Boolean> rotated = new ArrayList<>();
    if (keys.get(ROTARY_LAYERS) == null) {
      int interval = keys.positiveInt("no_rope_layer_interval", 4);
      for (int layer = 0; layer < layers; layer++) {
        rotated.add((layer + 1) % interval != 0);
      }
      return rotated;
    }
    List<Integer> given = keys.ints(ROTARY_LAYERS);
    if (given.size() < layers) {
      throw new UserException(
          "Key '%s' in %s has %d entries; expected one for each of %d layers."
              .formatted(ROTARY_LAYERS, keys.source(), given.size(), layers));
    }
    given.subList(0, layers).forEach(each -> rotated.add(each != 0));
    return rotated;
  }

  @Override
  public void describe(ModelConfig config, ObjectNode json) {
    RotaryKeys.describe(config, json);
    json.putNull("pad_token_id"); // the default need not lie within the vocabulary
    json.put("attention_bias", config.biases().queryKeyValue());
    json.put("mlp_bias", config.biases().mlp());
    LayerKind.describe(config, json);
    json.put("use_sliding_window", !config.attendsEverywhere());
    ArrayNode rotated = json.putArray(ROTARY_LAYERS);
    config.layers().forEach(layer -> rotated.add(layer.rotary() == null ? 0 : 1));
  }
}
