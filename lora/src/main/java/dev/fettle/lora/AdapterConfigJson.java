package dev.fettle.lora;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// `adapter_config.json` as PEFT writes and reads it.
final class AdapterConfigJson {
  private static final String EMBEDDING = "embed_tokens";

  /// Settings that change the meaning of the tensors in ways not supported here, with the values
  /// that mean "off". Ignoring one would load an adapter that computes something else.
  private static final List<String> MUST_BE_OFF =
      List.of(
          "use_qalora",
          "use_bdlora",
          "fan_in_fan_out",
          "layer_replication",
          "target_parameters",
          "alora_invocation_tokens",
          "arrow_config",
          "megatron_config",
          "kasa_config",
          "monteclora_config",
          "velora_config");

  /// Ways to initialise that leave the base alone.
  private static final List<String> KEEPS_BASE = List.of("eva", "orthogonal", "mica");

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
    json.put("bias", config.bias().text());
    json.put("lora_bias", config.loraBias());
    json.put("fan_in_fan_out", false);
    json.put("use_rslora", config.useRslora());
    json.put("use_dora", config.useDora());
    ObjectNode ranks = json.putObject("rank_pattern");
    config.rankPattern().forEach(ranks::put);
    ObjectNode alphas = json.putObject("alpha_pattern");
    config.alphaPattern().forEach((name, alpha) -> putNumber(alphas, name, alpha));
    putModules(json, config.modulesToSave());
    putTokens(json, config.trainableTokenIndices());
    json.put("ensure_weight_tying", config.ensureWeightTying());
    switch (config.initLoraWeights()) {
      case STANDARD -> json.put("init_lora_weights", true);
      case RANDOM -> json.put("init_lora_weights", false);
      case GAUSSIAN -> json.put("init_lora_weights", LoraInit.GAUSSIAN.text());
    }
    json.put("inference_mode", true);
    return json;
  }

  private static void putModules(ObjectNode json, List<String> modules) {
    if (modules.isEmpty()) {
      json.putNull("modules_to_save");
    } else {
      modules.forEach(json.putArray("modules_to_save")::add);
    }
  }

  /// Rows of the embedding alone are a list, as PEFT's users write it.
  private static void putTokens(ObjectNode json, Map<String, List<Integer>> tokens) {
    if (tokens.isEmpty()) {
      json.putNull("trainable_token_indices");
    } else if (tokens.keySet().equals(Set.of(EMBEDDING))) {
      ArrayNode ids = json.putArray("trainable_token_indices");
      tokens.values().forEach(list -> list.forEach(ids::add));
    } else {
      ObjectNode modules = json.putObject("trainable_token_indices");
      tokens.forEach((module, list) -> list.forEach(modules.putArray(module)::add));
    }
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
    return read(Json.read(file), file);
  }

  /// @param file where it is from, for messages
  static LoraConfig read(ObjectNode json, Path file) {
    String type = json.path("peft_type").asString("");
    if (!type.equals("LORA")) {
      throw new UserException(
          "Adapter config %s has peft_type '%s'; only LORA is supported: merge this adapter into its base with PEFT (merge_and_unload) and use the merged model."
              .formatted(file, type));
    }
    refuseUnsupported(json, file);
    return LoraConfig.builder(
            integer(json, "r", 8, file),
            number(json, "lora_alpha", 8, file),
            TargetModulesJson.read(json, file))
        .loraDropout(number(json, "lora_dropout", 0, file))
        .useRslora(flag(json, "use_rslora", file))
        .useDora(flag(json, "use_dora", file))
        .rankPattern(
            pattern(json, "rank_pattern", node -> node.isInt() ? node.asInt() : null, file))
        .alphaPattern(
            pattern(json, "alpha_pattern", node -> node.isNumber() ? node.asDouble() : null, file))
        .bias(TrainedBias.parse(json.path("bias").asString(TrainedBias.NONE.text())))
        .loraBias(flag(json, "lora_bias", file))
        .modulesToSave(TargetModulesJson.names(json, "modules_to_save", file))
        .trainableTokenIndices(tokens(json, file))
        .ensureWeightTying(flag(json, "ensure_weight_tying", file))
        .initLoraWeights(start(json.path("init_lora_weights"), file))
        .baseModel(
            json.get("base_model_name_or_path") instanceof JsonNode base && base.isString()
                ? base.asString()
                : null)
        .build();
  }

  private static boolean flag(ObjectNode json, String key, Path file) {
    JsonNode node = json.path(key);
    if (node.isMissingNode() || node.isNull()) {
      return false;
    }
    if (!node.isBoolean()) {
      throw new UserException(
          "Adapter config %s has %s = %s; expected true or false."
              .formatted(file, key, Json.compact(node)));
    }
    return node.asBoolean();
  }

  private static Map<String, List<Integer>> tokens(ObjectNode json, Path file) {
    JsonNode node = json.path("trainable_token_indices");
    Map<String, List<Integer>> tokens = new LinkedHashMap<>();
    if (node.isArray() && !node.isEmpty()) {
      tokens.put(EMBEDDING, ids(node, file));
    } else if (node.isObject()) {
      node.properties().forEach(entry -> tokens.put(entry.getKey(), ids(entry.getValue(), file)));
    } else if (!node.isMissingNode() && !node.isNull() && !node.isArray()) {
      throw wrongTokens(node, file);
    }
    return tokens;
  }

  private static List<Integer> ids(JsonNode node, Path file) {
    List<Integer> ids = new ArrayList<>();
    for (JsonNode id : node) {
      if (!id.isInt()) {
        throw wrongTokens(node, file);
      }
      ids.add(id.asInt());
    }
    return ids;
  }

  private static UserException wrongTokens(JsonNode node, Path file) {
    return new UserException(
        "Adapter config %s has trainable_token_indices = %s; expected token ids, or token ids by module."
            .formatted(file, Json.compact(node)));
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
  }

  /// PiSSA, OLoRA and their like subtract the adapter's start from the base weights when they are
  /// loaded, so the adapter alone does not say what the model computes. Of those that leave the
  /// base alone, the start is over once the adapter is stored.
  private static LoraInit start(JsonNode start, Path file) {
    if (start.isBoolean()) {
      return start.asBoolean() ? LoraInit.STANDARD : LoraInit.RANDOM;
    }
    if (!start.isString() || KEEPS_BASE.contains(start.asString())) {
      return LoraInit.STANDARD;
    }
    if (start.asString().equalsIgnoreCase(LoraInit.GAUSSIAN.text())) {
      return LoraInit.GAUSSIAN;
    }
    throw new UserException(
        "Adapter config %s sets init_lora_weights to '%s', which changes the base weights and is not supported; save the adapter as a plain LoRA with PEFT first (path_initial_model_for_weight_conversion)."
            .formatted(file, start.asString()));
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
