package dev.fettle.lora;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// A `LoraConfig` that a fresh adapter is to be trained with. Stricter than reading the adapter of
/// a finished run: what would start or train it in another way is refused, not passed over.
final class PeftConfigJson {
  /// What [AdapterConfigJson] gives a meaning to, or refuses itself.
  private static final Set<String> KNOWN =
      Set.of(
          "peft_type",
          "task_type",
          "r",
          "lora_alpha",
          "lora_dropout",
          "target_modules",
          "exclude_modules",
          "layers_to_transform",
          "layers_pattern",
          "bias",
          "lora_bias",
          "use_rslora",
          "use_dora",
          "rank_pattern",
          "alpha_pattern",
          "modules_to_save",
          "trainable_token_indices",
          "ensure_weight_tying",
          "init_lora_weights",
          "base_model_name_or_path");

  /// Says nothing about a fresh adapter: where it came from, and settings of what is off.
  private static final Set<String> WITHOUT_EFFECT =
      Set.of(
          "auto_mapping",
          "inference_mode",
          "peft_version",
          "revision",
          "megatron_core",
          "qalora_group_size",
          "runtime_config");

  private static final List<String> STARTS = List.of("gaussian");

  private PeftConfigJson() {}

  /// @throws UserException naming the key that cannot be honoured
  static LoraConfig read(ObjectNode given, String source) {
    ObjectNode json = given.deepCopy();
    bare(json, "peft_type");
    bare(json, "task_type");
    if (json.path("peft_type").isMissingNode() || json.path("peft_type").isNull()) {
      json.put("peft_type", "LORA");
    }
    if (!json.path("peft_type").asString("").equals("LORA")) {
      throw refused(source, "peft_type", json.path("peft_type"), "LORA");
    }
    JsonNode task = json.path("task_type");
    if (!task.isMissingNode() && !task.isNull() && !task.asString("").equals("CAUSAL_LM")) {
      throw refused(source, "task_type", task, "CAUSAL_LM");
    }
    for (String key : json.propertyNames()) {
      JsonNode value = json.path(key);
      if (!KNOWN.contains(key) && !WITHOUT_EFFECT.contains(key) && !isOff(value)) {
        throw refused(source, key, value, "nothing there");
      }
    }
    JsonNode start = json.path("init_lora_weights");
    if (start.isString() && !STARTS.contains(start.asString())) {
      throw refused(source, "init_lora_weights", start, "true, false or gaussian");
    }
    return AdapterConfigJson.read(json, Path.of(source));
  }

  private static boolean isOff(JsonNode value) {
    return value.isNull()
        || (value.isBoolean() && !value.asBoolean())
        || (value.isContainer() && value.isEmpty());
  }

  /// `TaskType.CAUSAL_LM`, as Python prints it, is `CAUSAL_LM`.
  private static void bare(ObjectNode json, String key) {
    if (json.path(key).isString()) {
      String name = json.path(key).asString();
      json.put(key, name.substring(name.lastIndexOf('.') + 1));
    }
  }

  private static UserException refused(String source, String key, JsonNode value, String expected) {
    return new UserException(
        "%s sets %s to %s, which cannot be honoured; Fettle takes %s."
            .formatted(source, key, Json.compact(value), expected));
  }
}
