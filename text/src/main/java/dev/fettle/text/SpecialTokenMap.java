package dev.fettle.text;

import dev.fettle.checkpoint.Json;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// The special tokens a folder names: `tokenizer_config.json`, completed as transformers 5 does.
/// Where that has no `added_tokens_decoder`, `special_tokens_map.json` goes before it.
///
/// @param config `tokenizer_config.json` with what else there is; empty without files
/// @param kind how transformers opens the folder, which may bring names of its own
record SpecialTokenMap(ObjectNode config, TokenizerClass kind) {

  /// Those that every tokenizer has, in the order in which missing ones are added.
  private static final List<String> ROLES =
      List.of(
          "bos_token",
          "eos_token",
          "unk_token",
          "sep_token",
          "pad_token",
          "cls_token",
          "mask_token");

  /// @param folder a Hugging Face model folder
  static SpecialTokenMap ofFolder(Path folder) {
    ObjectNode config = optional(folder.resolve("tokenizer_config.json"));
    TokenizerClass kind = TokenizerClass.of(config, optional(folder.resolve("config.json")));
    if (!config.has("added_tokens_decoder")) {
      config.setAll(optional(folder.resolve("special_tokens_map.json")));
    }
    kind.defaults().forEach((key, text) -> config.putIfAbsent(key, config.stringNode(text)));
    return new SpecialTokenMap(config, kind);
  }

  /// @param config `tokenizer_config.json`
  static SpecialTokenMap ofConfig(ObjectNode config) {
    return new SpecialTokenMap(config, TokenizerClass.AS_FILE);
  }

  /// With these names too, where it has none.
  SpecialTokenMap withDefaults(ObjectNode names) {
    ObjectNode all = config.deepCopy();
    names.properties().forEach(e -> all.putIfAbsent(e.getKey(), e.getValue()));
    return new SpecialTokenMap(all, kind);
  }

  /// The object in this file, an empty one if there is none.
  static ObjectNode optional(Path file) {
    return Files.isRegularFile(file) ? Json.read(file) : Json.object();
  }

  /// The text of the token with this role, such as `eos_token`, or null.
  @Nullable String text(String role) {
    return text(config.path(role));
  }

  /// A special token is a string, or an object with its text under `content`, or null.
  private static @Nullable String text(JsonNode value) {
    JsonNode text = value.isObject() ? value.path("content") : value;
    return text.isString() ? text.asString() : null;
  }

  /// All roles, those of `extra_special_tokens` included, with their tokens.
  private SequencedMap<String, JsonNode> roles() {
    SequencedMap<String, JsonNode> roles = new LinkedHashMap<>();
    for (String role : ROLES) {
      if (text(role) != null) {
        roles.put(role, config.path(role));
      }
    }
    for (Map.Entry<String, JsonNode> entry : config.properties()) {
      if (entry.getKey().endsWith("_token") && text(entry.getValue()) != null) {
        roles.put(entry.getKey(), entry.getValue());
      }
    }
    JsonNode extra = config.path("extra_special_tokens");
    if (extra.isObject()) {
      extra
          .propertyStream()
          .filter(e -> text(e.getValue()) != null)
          .forEach(e -> roles.put(e.getKey(), e.getValue()));
    }
    return roles;
  }

  /// Role to text, as a chat template can use them.
  ObjectNode forTemplates() {
    ObjectNode tokens = Json.object();
    roles().forEach((role, token) -> tokens.put(role, text(token)));
    return tokens;
  }

  /// Every special token, string or object, in the order in which a missing one is added.
  List<JsonNode> tokens() {
    List<JsonNode> tokens = new ArrayList<>(roles().values());
    JsonNode extra = config.path("extra_special_tokens");
    if (extra.isEmpty()) {
      extra = config.path("additional_special_tokens");
    }
    if (extra.isArray()) {
      extra.valueStream().filter(token -> text(token) != null).forEach(tokens::add);
    }
    return tokens;
  }
}
