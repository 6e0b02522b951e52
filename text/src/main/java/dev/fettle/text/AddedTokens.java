package dev.fettle.text;

import dev.fettle.checkpoint.Json;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The tokens that are looked for in a text before anything else happens to it, as transformers 5
/// gathers them: those of `tokenizer.json`, those of `added_tokens_decoder` in
/// `tokenizer_config.json` or of `added_tokens.json`, and every special token.
///
/// A token that the vocabulary holds has the id it has there, any other the next free one, whatever
/// the files say. That is the rule of the tokenizers library (`AddedVocabulary::add_tokens`).
final class AddedTokens {
  private final Map<String, Integer> vocabulary;
  private final SequencedMap<String, ObjectNode> tokens = new LinkedHashMap<>();
  private int highest = -1;

  /// @param vocabulary of the model, token text to id
  AddedTokens(Map<String, Integer> vocabulary) {
    this.vocabulary = vocabulary;
  }

  /// Adds tokens in the order of their keys, which are the ids they had.
  ///
  /// @param decoder id to token; the value of `added_tokens_decoder`
  void addDecoder(JsonNode decoder) {
    List<Map.Entry<String, JsonNode>> entries = new ArrayList<>(decoder.properties());
    entries.sort(Comparator.comparing(e -> number(e.getKey())));
    entries.forEach(e -> add(e.getValue()));
  }

  private static long number(String key) {
    return key.matches("[0-9]{1,18}") ? Long.parseLong(key) : Long.MAX_VALUE;
  }

  /// Adds the tokens of `added_tokens.json`.
  ///
  /// @param encoder text to id
  void addEncoder(JsonNode encoder, SpecialTokenMap special) {
    List<Map.Entry<String, JsonNode>> entries = new ArrayList<>(encoder.properties());
    entries.sort(Comparator.comparing(e -> e.getValue().asLong(Long.MAX_VALUE)));
    List<String> named = special.tokens().stream().map(AddedTokens::content).toList();
    for (Map.Entry<String, JsonNode> entry : entries) {
      boolean isSpecial = named.contains(entry.getKey());
      add(
          Json.object()
              .put("content", entry.getKey())
              .put("normalized", !isSpecial)
              .put("special", isSpecial));
    }
  }

  /// Adds a special token unless it is there.
  ///
  /// @param token its text, or an object
  void addSpecial(JsonNode token) {
    String content = content(token);
    if (tokens.containsKey(content)) {
      return;
    }
    ObjectNode special = token instanceof ObjectNode object ? object.deepCopy() : Json.object();
    add(special.put("content", content).put("special", true));
  }

  /// Adds a token with its properties unless it is there.
  void addIfAbsent(JsonNode token) {
    if (!tokens.containsKey(content(token))) {
      add(token);
    }
  }

  private static String content(JsonNode token) {
    return token.isObject() ? token.path("content").asString("") : token.asString("");
  }

  /// Adds a token, or changes its properties.
  void add(JsonNode token) {
    String content = content(token);
    if (content.isEmpty()) {
      return; // the library passes over it
    }
    @Nullable ObjectNode known = tokens.get(content);
    int id = known == null ? newId(content) : known.get("id").asInt();
    boolean special = token.path("special").asBoolean(false);
    tokens.put(
        content,
        Json.object()
            .put("id", id)
            .put("content", content)
            .put("single_word", token.path("single_word").asBoolean(false))
            .put("lstrip", token.path("lstrip").asBoolean(false))
            .put("rstrip", token.path("rstrip").asBoolean(false))
            .put("normalized", token.path("normalized").asBoolean(!special))
            .put("special", special));
    highest = Math.max(highest, id);
  }

  private int newId(String content) {
    @Nullable Integer id = vocabulary.get(content);
    int size = vocabulary.size();
    return id != null ? id : highest >= size ? highest + 1 : size;
  }

  /// All of them by id, as `added_tokens` in `tokenizer.json`.
  ArrayNode json() {
    ArrayNode array = Json.object().putArray("added_tokens");
    tokens.values().stream()
        .sorted(Comparator.comparing((ObjectNode token) -> token.get("id").asInt()))
        .forEach(array::add);
    return array;
  }
}
