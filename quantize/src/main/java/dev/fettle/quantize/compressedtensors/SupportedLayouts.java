package dev.fettle.quantize.compressedtensors;

import dev.fettle.tensor.UserException;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/// What else a `quantization_config` of compressed-tensors can ask for beside its groups.
///
/// Source: compressed-tensors 0.17.1, `config/base.py` (`CompressionFormat`).
final class SupportedLayouts {
  private static final Set<String> FORMATS =
      Set.of(
          "dense",
          "int-quantized",
          "naive-quantized",
          "pack-quantized",
          "float-quantized",
          "mxfp4-pack-quantized",
          "nvfp4-pack-quantized",
          "mixed-precision");

  private SupportedLayouts() {}

  /// @throws UserException naming what is not supported, and what to do
  static void check(JsonNode config, String source) {
    String where = source + ": quantization_config";
    checkFormat(config.path("format"), where);
    config
        .path("config_groups")
        .properties()
        .forEach(group ->
            checkFormat(
                group.getValue().path("format"), where + ".config_groups." + group.getKey()));
    if (isSet(config.path("kv_cache_scheme"))) {
      throw new UserException(
          where
              + " quantizes the key-value cache (kv_cache_scheme), which is not supported; set it to null to keep the cache in the dtype of the computation.");
    }
    String sparsity = config.path("sparsity_config").path("format").asString("dense");
    if (!sparsity.equals("dense")) {
      throw new UserException(
          "%s stores weights sparsely (%s), which is not supported; save the model with dense weights."
              .formatted(where, sparsity));
    }
    if (isSet(config.path("transform_config"))
        && !config.path("transform_config").path("config_groups").isEmpty()) {
      throw new UserException(
          where
              + " transforms weights while computing (transform_config), which is not supported; quantize the model without transforms.");
    }
  }

  private static void checkFormat(JsonNode format, String where) {
    if (isSet(format) && !FORMATS.contains(format.asString(""))) {
      throw new UserException(
          "%s has the format %s, which is not supported; save the model as pack-quantized or int-quantized."
              .formatted(where, format.asString(format.toString())));
    }
  }

  private static boolean isSet(JsonNode node) {
    return !node.isMissingNode() && !node.isNull();
  }
}
