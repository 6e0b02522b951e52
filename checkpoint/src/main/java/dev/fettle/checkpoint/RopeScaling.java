package dev.fettle.checkpoint;

import dev.fettle.tensor.UserException;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// How rotary position embeddings are stretched beyond the length a model was first trained for.
public sealed interface RopeScaling {
  /// All angles divided by `factor`.
  record Linear(double factor) implements RopeScaling {}

  /// Llama 3.1: low frequencies divided by `factor`, high ones kept, a smooth transition between.
  ///
  /// @param originalMaxPositionEmbeddings the length of the first training, in tokens
  record Llama3(
      double factor, double lowFreqFactor, double highFreqFactor, int originalMaxPositionEmbeddings)
      implements RopeScaling {}

  /// Reads the value of `rope_scaling` or `rope_parameters`; null for none or `default`.
  ///
  /// @throws UserException for kinds that are not supported
  static @Nullable RopeScaling parse(@Nullable JsonNode node, String source) {
    if (!(node instanceof ObjectNode object)) {
      return null;
    }
    ConfigKeys keys = new ConfigKeys(object, source);
    String type = keys.string("rope_type", keys.string("type", "default"));
    return switch (type) {
      case "default" -> null;
      case "linear" -> new Linear(keys.requiredNumber("factor"));
      case "llama3" ->
          new Llama3(
              keys.requiredNumber("factor"),
              keys.requiredNumber("low_freq_factor"),
              keys.requiredNumber("high_freq_factor"),
              keys.requiredInt("original_max_position_embeddings"));
      default ->
          throw new UserException(
              "RoPE scaling '"
                  + type
                  + "' in "
                  + source
                  + " is not supported yet; supported: default, linear, llama3.");
    };
  }
}
