package dev.fettle.checkpoint.family;

import dev.fettle.checkpoint.ConfigKeys;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.LayerAttention;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.RopeScaling;
import dev.fettle.checkpoint.Rotary;
import dev.fettle.tensor.UserException;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// `rope_theta`, `rope_scaling` and their newer form, `rope_parameters`. Where both forms are
/// there, transformers takes the older one.
final class RotaryKeys {
  static final String OLD = "rope_scaling";
  static final String NEW = "rope_parameters";
  static final String THETA = "rope_theta";
  static final String PARTIAL = "partial_rotary_factor";

  private RotaryKeys() {}

  /// @param positions `max_position_embeddings`
  static Rotary read(ConfigKeys keys, int headDim, int positions, double defaultTheta) {
    double theta = keys.number(THETA, defaultTheta);
    return of(parameters(keys), keys, headDim, positions, theta);
  }

  /// As [#read], of a family that obeys `partial_rotary_factor`; the others, in transformers,
  /// rotate whole heads whatever it says.
  static Rotary readPartial(ConfigKeys keys, int headDim, int positions, double defaultTheta) {
    double partial = parameters(keys).number(PARTIAL, keys.number(PARTIAL, 1));
    Rotary whole = read(keys, headDim, positions, defaultTheta);
    return new Rotary((int) (headDim * partial), whole.theta(), whole.scaling());
  }

  /// @param parameters the object that describes this rotary embedding
  /// @param keys the whole configuration
  static Rotary of(
      ConfigKeys parameters, ConfigKeys keys, int headDim, int positions, double theta) {
    return new Rotary(
        headDim,
        positive(parameters.number(THETA, theta), keys.source()),
        RopeScalingKeys.read(parameters, keys, positions));
  }

  private static double positive(double theta, String source) {
    if (!(theta > 0) || Double.isInfinite(theta)) {
      throw new UserException(
          "Key 'rope_theta' in %s must be a positive number, found %s.".formatted(source, theta));
    }
    return theta;
  }

  private static ConfigKeys parameters(ConfigKeys keys) {
    if (keys.get(OLD) instanceof ObjectNode old && !old.isEmpty()) {
      return new ConfigKeys(old, keys.source());
    }
    return new ConfigKeys(
        keys.get(NEW) instanceof ObjectNode parameters ? parameters : Json.object(), keys.source());
  }

  /// Writes the older form, which every version of transformers reads.
  static void describe(ModelConfig config, ObjectNode json) {
    @Nullable Rotary rotary = anyOf(config);
    if (rotary != null) {
      describe(rotary, config, json);
    }
  }

  static void describe(Rotary rotary, ModelConfig config, ObjectNode json) {
    json.put(THETA, rotary.theta());
    @Nullable RopeScaling scaling = rotary.scaling();
    if (scaling == null) {
      json.putNull(OLD);
    } else {
      json.set(OLD, scaling.toJson());
      originalLength(scaling, json);
    }
    if (rotary.dims() != config.headDim()) {
      json.put(PARTIAL, (double) rotary.dims() / config.headDim());
    }
  }

  /// Phi-3's configuration demands it outside of the scaling too.
  private static void originalLength(RopeScaling scaling, ObjectNode json) {
    if (scaling instanceof RopeScaling.Longrope longrope) {
      json.put(RopeScalingKeys.ORIGINAL_LENGTH, longrope.originalMaxPositionEmbeddings());
    }
  }

  /// The rotary embedding of the first layer that has one.
  private static @Nullable Rotary anyOf(ModelConfig config) {
    for (LayerAttention layer : config.layers()) {
      if (layer.rotary() != null) {
        return layer.rotary();
      }
    }
    return null;
  }
}
