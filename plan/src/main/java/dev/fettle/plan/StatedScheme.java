package dev.fettle.plan;

import dev.fettle.quantize.Granularity;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.Symmetry;
import dev.fettle.tensor.UserException;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// The number format that a `quantization_config` names, as far as its size goes. Used where the
/// weights are not there to be looked at.
final class StatedScheme {
  private static final int BNB_BLOCK = 64;
  private static final int GROUP = 128;

  private StatedScheme() {}

  /// @throws UserException if the method is not known
  static Scheme of(ObjectNode config, String source) {
    if (config.path("load_in_4bit").asBoolean(false)) {
      boolean nested = config.path("bnb_4bit_use_double_quant").asBoolean(false);
      return config.path("bnb_4bit_quant_type").asString("fp4").equals("nf4")
          ? new Scheme.Nf4(BNB_BLOCK, nested)
          : new Scheme.Fp4(BNB_BLOCK, nested);
    }
    if (config.path("load_in_8bit").asBoolean(false)) {
      return new Scheme.LlmInt8();
    }
    return switch (config.path("quant_method").asString("")) {
      case "gptq", "awq" ->
          integers(config.path("bits").asInt(4), config.path("group_size").asInt(GROUP));
      case "compressed-tensors" -> compressed(config);
      default ->
          throw new UserException(
              "quantization_config in %s names no method that Fettle knows; expected bitsandbytes, gptq, awq or compressed-tensors."
                  .formatted(source));
    };
  }

  private static Scheme compressed(ObjectNode config) {
    for (JsonNode group : config.path("config_groups")) {
      JsonNode weights = group.path("weights");
      return integers(weights.path("num_bits").asInt(8), weights.path("group_size").asInt(-1));
    }
    return integers(8, -1);
  }

  private static Scheme integers(int bits, @Nullable Integer group) {
    Granularity granularity =
        group == null || group <= 0
            ? new Granularity.PerChannel(0)
            : new Granularity.PerGroup(group);
    return new Scheme.Affine(Math.clamp(bits, 2, 8), true, Symmetry.SYMMETRIC, granularity);
  }
}
