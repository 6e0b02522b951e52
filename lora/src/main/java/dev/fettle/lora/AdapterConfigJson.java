package dev.fettle.lora;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// `adapter_config.json` as PEFT writes and reads it.
final class AdapterConfigJson {
  /// Settings that change the meaning of the tensors in ways not supported here, with the values
  /// that mean "off". Ignoring one would load an adapter that computes something else.
  private static final List<String> MUST_BE_OFF =
      List.of(
          "use_dora",
          "use_qalora",
          "use_bdlora",
          "lora_bias",
          "fan_in_fan_out",
          "modules_to_save",
          "layer_replication",
          "trainable_token_indices",
          "target_parameters",
          "alora_invocation_tokens",
          "arrow_config",
          "megatron_config",
          "kasa_config",
          "monteclora_config",
          "velora_config");

  /// Ways to initialise that leave the base alone.
  private static final List<String> KEEPS_BASE = List.of("gaussian", "eva", "orthogonal");

  private AdapterConfigJson() {}

  /// @param selected paths of the adapted layers
  static ObjectNode write(LoraConfig config, List<String> selected) {
    ObjectNode json = Json.object();
    json.put("peft_type", "LORA");
    json.put("task_type", "CAUSAL_LM");
    json.put("base_model_name_or_path", config.baseModel());
    json.put("r", config.r());
    putNumber(json, "lora_alpha", config.loraAlpha());
    json.put("lora_dropout", config.loraDropout());
    TargetModulesJson.write(json, config.targetModules(), selected);
    json.put("bias", "none");
    json.put("fan_in_fan_out", false);
    json.put("use_rslora", config.useRslora());
    json.put("use_dora", false);
    ObjectNode ranks = json.putObject("rank_pattern");
    config.rankPattern().forEach(ranks::put);
    ObjectNode alphas = json.putObject("alpha_pattern");
    config.alphaPattern().forEach((name, alpha) -> putNumber(alphas, name, alpha));
    json.putNull("modules_to_save");
    json.put("init_lora_weights", true);
    json.put("inference_mode", true);
    return json;
  }

  /// PEFT's alpha is an integer unless someone set it otherwise.
  private static void putNumber(ObjectNode json, String key, double value) {
    if (value == Math.rint(value)) {
      json.put(key, (long) value);
    } else {
      json.put(key, value);
    }
  }

  /// @throws UserException if the adapter is of another kind or uses something not supported
  static LoraConfig read(Path file) {
    ObjectNode json = Json.read(file);
    String type = json.path("peft_type").asString("");
    if (!type.equals("LORA")) {
      throw new UserException(
          "Adapter config %s has peft_type '%s'; only LORA is supported.".formatted(file, type));
    }
    refuseUnsupported(json, file);
    return new LoraConfig(
        integer(json, "r", 8, file),
        number(json, "lora_alpha", 8, file),
        number(json, "lora_dropout", 0, file),
        TargetModulesJson.read(json, file),
        json.path("use_rslora").asBoolean(false),
        pattern(json, "rank_pattern", node -> node.isInt() ? node.asInt() : null, file),
        pattern(json, "alpha_pattern", node -> node.isNumber() ? node.asDouble() : null, file),
        json.get("base_model_name_or_path") instanceof JsonNode base && base.isString()
            ? base.asString()
            : null);
  }

  private static void refuseUnsupported(ObjectNode json, Path file) {
    for (String key : MUST_BE_OFF) {
      JsonNode value = json.path(key);
      boolean off =
          value.isMissingNode()
              || value.isNull()
              || (value.isBoolean() && !value.asBoolean())
              || (value.isContainer() && value.isEmpty());
      if (!off) {
        throw new UserException(
            "Adapter config %s sets %s to %s, which is not supported; merge this adapter with PEFT first."
                .formatted(file, key, Json.compact(value)));
      }
    }
    refuseOtherStart(json, file);
    String bias = json.path("bias").asString("none");
    if (!bias.equals("none")) {
      throw new UserException(
          "Adapter config %s sets bias to '%s'; only 'none' is supported.".formatted(file, bias));
    }
  }

  /// PiSSA, OLoRA and their like subtract the adapter's start from the base weights when they are
  /// loaded, so the adapter alone does not say what the model computes.
  private static void refuseOtherStart(ObjectNode json, Path file) {
    JsonNode start = json.path("init_lora_weights");
    if (start.isString() && !KEEPS_BASE.contains(start.asString())) {
      throw new UserException(
          "Adapter config %s sets init_lora_weights to '%s', which changes the base weights and is not supported; save the adapter as a plain LoRA with PEFT first (path_initial_model_for_weight_conversion)."
              .formatted(file, start.asString()));
    }
  }

  private static int integer(ObjectNode json, String key, int absent, Path file) {
    JsonNode node = json.path(key);
    if (node.isNumber() && !node.isInt()) {
      throw new UserException(
          "Adapter config %s has %s = %s; expected a whole number."
              .formatted(file, key, Json.compact(node)));
    }
    return (int) number(json, key, absent, file);
  }

  private static double number(ObjectNode json, String key, double absent, Path file) {
    JsonNode node = json.path(key);
    if (node.isMissingNode() || node.isNull()) {
      return absent;
    }
    if (!node.isNumber()) {
      throw new UserException(
          "Adapter config %s has %s = %s; expected a number."
              .formatted(file, key, Json.compact(node)));
    }
    return node.asDouble();
  }

  private static <T> Map<String, T> pattern(
      ObjectNode json, String key, Function<JsonNode, @Nullable T> convert, Path file) {
    Map<String, T> found = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> entry : json.path(key).properties()) {
      T value = convert.apply(entry.getValue());
      if (value == null) {
        throw new UserException(
            "Adapter config %s has %s['%s'] = %s; expected a number."
                .formatted(file, key, entry.getKey(), Json.compact(entry.getValue())));
      }
      found.put(entry.getKey(), value);
    }
    return found;
  }
}
