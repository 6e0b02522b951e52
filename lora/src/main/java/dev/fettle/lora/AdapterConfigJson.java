package dev.fettle.lora;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
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
          "kasa_config",
          "monteclora_config",
          "velora_config");

  private AdapterConfigJson() {}

  /// @param targets the adapted layers' last names, or the regular expression that selected them
  static ObjectNode write(LoraConfig config, List<String> selected) {
    ObjectNode json = Json.object();
    json.put("peft_type", "LORA");
    json.put("task_type", "CAUSAL_LM");
    json.put("base_model_name_or_path", config.baseModel());
    json.put("r", config.r());
    putNumber(json, "lora_alpha", config.loraAlpha());
    json.put("lora_dropout", config.loraDropout());
    switch (config.targetModules()) {
      case TargetModules.Regex regex -> json.put("target_modules", regex.pattern().pattern());
      case TargetModules.Names names -> putStrings(json, names.names());
      case TargetModules.AllLinear all ->
          putStrings(
              json,
              selected.stream().map(p -> p.substring(p.lastIndexOf('.') + 1)).distinct().toList());
    }
    json.put("bias", "none");
    json.put("fan_in_fan_out", false);
    json.put("use_rslora", config.useRslora());
    json.put("use_dora", false);
    ObjectNode ranks = json.putObject("rank_pattern");
    new TreeMap<>(config.rankPattern()).forEach(ranks::put);
    ObjectNode alphas = json.putObject("alpha_pattern");
    new TreeMap<>(config.alphaPattern()).forEach((name, alpha) -> putNumber(alphas, name, alpha));
    json.putNull("modules_to_save");
    json.put("init_lora_weights", true);
    json.put("inference_mode", true);
    return json;
  }

  private static void putStrings(ObjectNode json, List<String> names) {
    ArrayNode array = json.putArray("target_modules");
    names.forEach(array::add);
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
        targetModules(json, file),
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
    String bias = json.path("bias").asString("none");
    if (!bias.equals("none")) {
      throw new UserException(
          "Adapter config %s sets bias to '%s'; only 'none' is supported.".formatted(file, bias));
    }
  }

  private static int integer(ObjectNode json, String key, int absent, Path file) {
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

  private static TargetModules targetModules(ObjectNode json, Path file) {
    JsonNode node = json.path("target_modules");
    if (node.isString()) {
      String text = node.asString();
      return text.equals("all-linear") ? new TargetModules.AllLinear() : TargetModules.regex(text);
    }
    if (node.isArray() && !node.isEmpty()) {
      List<String> names = new ArrayList<>();
      node.forEach(name -> names.add(name.asString()));
      return new TargetModules.Names(names.stream().sorted().toList());
    }
    throw new UserException(
        "Adapter config %s has target_modules = %s; expected a list of names or a regular expression."
            .formatted(file, Json.compact(node)));
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
