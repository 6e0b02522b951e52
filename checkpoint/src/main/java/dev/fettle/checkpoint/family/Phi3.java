package dev.fettle.checkpoint.family;

import dev.fettle.checkpoint.ConfigKeys;
import dev.fettle.checkpoint.Family;
import dev.fettle.checkpoint.ModelConfig;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Phi-3, 3.5 and 4 mini, arXiv:2404.14219: fused projections, LongRoPE, in Phi-4 on a part of each
/// head.
record Phi3() implements Family {
  private static final int ORIGINAL_LENGTH = 4096;

  @Override
  public String modelType() {
    return "phi3";
  }

  @Override
  public String className() {
    return "Phi3ForCausalLM";
  }

  @Override
  public ModelConfig parse(ConfigKeys given) {
    ConfigKeys keys = new ConfigKeys(usual(given.object().deepCopy()), given.source());
    ConfigBuilder config =
        new ConfigBuilder(this, keys).positions(4096).eps(1e-5).tokens(1, 32000).fused();
    return config
        .window(keys.positiveOrNull("sliding_window"), config.partialRotary(10_000))
        .build();
  }

  /// transformers takes the original length from beside the scaling, 4096 if it is not there, and
  /// reads the names `su` and `yarn` of the first releases as LongRoPE.
  private static ObjectNode usual(ObjectNode json) {
    @Nullable JsonNode length = json.get(RopeScalingKeys.ORIGINAL_LENGTH);
    if (length == null || length.isNull()) {
      json.put(RopeScalingKeys.ORIGINAL_LENGTH, ORIGINAL_LENGTH);
    }
    for (String form : List.of(RotaryKeys.OLD, RotaryKeys.NEW)) {
      if (json.get(form) instanceof ObjectNode rope
          && rope.path("rope_type").asString(rope.path("type").asString("")).equals("yarn")) {
        rope.put("rope_type", "longrope");
      }
    }
    return json;
  }

  @Override
  public void describe(ModelConfig config, ObjectNode json) {
    RotaryKeys.describe(config, json);
    json.putNull("pad_token_id"); // the default need not lie within the vocabulary
    json.put("sliding_window", LayerKind.window(config));
  }
}
