package dev.fettle.quantize.awq;

import dev.fettle.quantize.gptq.GptqConfig;
import dev.fettle.tensor.UserException;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// The `quantization_config` of an AWQ folder, or its `quant_config.json`, as far as reading
/// depends on it.
///
/// Source: AutoAWQ 0.2.7, `models/_config.py`; transformers 5.18, `utils/quantization_config.py`
/// (`AwqConfig`).
///
/// @param groupSize columns that share a scale, -1 for all
public record AwqConfig(int groupSize) {
  static final String METHOD = "awq";
  static final String FORMAT = "gemm";
  static final int BITS = 4;

  /// Whether a configuration is of this kind.
  public static boolean isOf(@Nullable ObjectNode config) {
    return config != null && GptqConfig.method(config).equals(METHOD);
  }

  /// @param where the file and key, for messages
  /// @throws UserException if an option is missing or not supported
  static AwqConfig parse(ObjectNode config, String where) {
    int bits = config.path("bits").asInt(config.path("w_bit").asInt(0));
    if (bits != BITS) {
      throw new UserException(
          "%s has %d bits; AWQ weights of 4 bits are supported.".formatted(where, bits));
    }
    String format =
        config
            .path("version")
            .asString(config.path("format").asString(FORMAT))
            .toLowerCase(Locale.ROOT);
    if (!format.equals(FORMAT) || config.path("backend").asString("").equals("llm-awq")) {
      throw new UserException(
          "%s is in the AWQ format %s, which is not supported; save the model in the format gemm."
              .formatted(where, format.equals(FORMAT) ? "llm-awq" : format));
    }
    int groupSize = config.path("group_size").asInt(config.path("q_group_size").asInt(0));
    if (groupSize != -1 && groupSize < 1) {
      throw new UserException(
          "%s has no group_size; expected a positive number, or -1 for whole rows."
              .formatted(where));
    }
    return new AwqConfig(groupSize);
  }
}
