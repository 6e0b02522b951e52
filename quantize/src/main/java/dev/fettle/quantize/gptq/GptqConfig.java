package dev.fettle.quantize.gptq;

import dev.fettle.tensor.UserException;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// The `quantization_config` of a GPTQ folder, or its `quantize_config.json`, as far as reading
/// depends on it.
///
/// Source: AutoGPTQ 0.7, `quantization/config.py`; GPTQModel 7.7, `quantization/config.py`;
/// transformers 5.18, `utils/quantization_config.py` (`GPTQConfig`).
///
/// @param bits 2, 3, 4 or 8
/// @param groupSize columns that share a scale, -1 for all
/// @param secondFormat `gptq_v2`: zero points are stored as they are; `gptq` stores them less one
/// @param perModule whether `dynamic` gives single layers other bits or group sizes
public record GptqConfig(int bits, int groupSize, boolean secondFormat, boolean perModule) {
  static final String METHOD = "gptq";
  static final String FIRST_FORMAT = "gptq";
  static final String SECOND_FORMAT = "gptq_v2";
  static final List<Integer> BITS = List.of(2, 3, 4, 8);

  /// Whether a configuration is of this kind.
  public static boolean isOf(@Nullable ObjectNode config) {
    return config != null && method(config).equals(METHOD);
  }

  /// What a configuration says made it, in small letters; empty if it does not say.
  public static String method(ObjectNode config) {
    return config
        .path("quant_method")
        .asString(config.path("method").asString(""))
        .toLowerCase(Locale.ROOT);
  }

  /// @param where the file and key, for messages
  /// @throws UserException if an option is missing or not supported
  static GptqConfig parse(ObjectNode config, String where) {
    int bits = config.path("bits").asInt(0);
    if (!BITS.contains(bits)) {
      throw new UserException(
          "%s has bits %s; GPTQ weights of 2, 3, 4 or 8 bits are supported."
              .formatted(where, config.path("bits")));
    }
    int groupSize = config.path("group_size").asInt(0);
    if (groupSize != -1 && groupSize < 1) {
      throw new UserException(
          "%s has group_size %s; expected a positive number, or -1 for whole rows."
              .formatted(where, config.path("group_size")));
    }
    String dtype = config.path("pack_dtype").asString("int32");
    if (!dtype.equals("int32")) {
      throw new UserException(
          "%s packs codes into %s; only int32 words are supported.".formatted(where, dtype));
    }
    if (isSet(config.path("rotation"))) {
      throw new UserException(
          "%s rotates activations (rotation %s), which is not supported; quantize the model without rotation."
              .formatted(where, config.path("rotation")));
    }
    boolean perModule =
        config.path("dynamic").properties().stream()
            .anyMatch(rule -> !rule.getKey().startsWith("-:"));
    return new GptqConfig(bits, groupSize, secondFormat(config, where), perModule);
  }

  private static boolean secondFormat(ObjectNode config, String where) {
    List<String> names =
        Stream.of("checkpoint_format", "format")
            .map(key -> config.path(key).asString("").toLowerCase(Locale.ROOT))
            .filter(name -> !name.isEmpty())
            .distinct()
            .toList();
    boolean marlin = config.path("is_marlin_format").asBoolean(false);
    String name = marlin ? "marlin" : names.isEmpty() ? FIRST_FORMAT : names.getFirst();
    if (names.size() > 1) {
      throw new UserException(
          "%s says checkpoint_format %s and format %s; they must agree."
              .formatted(where, names.getFirst(), names.getLast()));
    }
    return switch (name) {
      case FIRST_FORMAT -> false;
      case SECOND_FORMAT -> true;
      default ->
          throw new UserException(
              "%s is in the GPTQ format %s, which is not supported; save the model as gptq or gptq_v2."
                  .formatted(where, name));
    };
  }

  private static boolean isSet(JsonNode node) {
    return !node.isMissingNode() && !node.isNull();
  }
}
