package dev.fettle.checkpoint.family;

import dev.fettle.checkpoint.ConfigKeys;
import dev.fettle.checkpoint.LayerAttention;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The values of `layer_types`.
enum LayerKind {
  FULL("full_attention"),
  SLIDING("sliding_attention");

  static final String KEY = "layer_types";

  private final String key;

  LayerKind(String key) {
    this.key = key;
  }

  /// @param slides which layers have a window where the configuration does not list them
  /// @throws UserException if the list has another length or an unknown value
  static List<LayerKind> read(ConfigKeys keys, int layers, IntPredicate slides) {
    @Nullable JsonNode node = keys.get(KEY);
    List<LayerKind> kinds = new ArrayList<>();
    if (node == null) {
      for (int layer = 0; layer < layers; layer++) {
        kinds.add(slides.test(layer) ? SLIDING : FULL);
      }
      return kinds;
    }
    if (!(node instanceof ArrayNode array) || array.size() != layers) {
      throw new UserException(
          "Key '%s' in %s: expected a list of %d entries, one per layer, found %s."
              .formatted(KEY, keys.source(), layers, node));
    }
    array.forEach(each -> kinds.add(parse(each, keys.source())));
    return kinds;
  }

  private static LayerKind parse(JsonNode node, String source) {
    for (LayerKind kind : values()) {
      if (node.isString() && node.stringValue().equals(kind.key)) {
        return kind;
      }
    }
    throw new UserException(
        "Key '%s' in %s: expected full_attention or sliding_attention, found %s."
            .formatted(KEY, source, node));
  }

  /// Writes `layer_types` and `sliding_window`.
  static void describe(ModelConfig config, ObjectNode json) {
    ArrayNode kinds = json.putArray(KEY);
    for (LayerAttention layer : config.layers()) {
      kinds.add((layer.window() == null ? FULL : SLIDING).key);
    }
    json.put("sliding_window", window(config));
  }

  /// The window of the layers that have one, or null.
  static @Nullable Integer window(ModelConfig config) {
    for (LayerAttention layer : config.layers()) {
      if (layer.window() != null) {
        return layer.window();
      }
    }
    return null;
  }
}
