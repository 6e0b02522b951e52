package dev.fettle.checkpoint.gguf.vocabulary;

import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What a vocabulary needs of a `tokenizer.json` with byte-pair encoding.
///
/// @param source the file, for messages
/// @param json all of it
/// @param pieces token text to id, without added tokens that are not in the model's vocabulary
/// @param merges in the order in which they are tried
record HfTokenizer(
    String source,
    ObjectNode json,
    SequencedMap<String, Integer> pieces,
    List<Merge> merges,
    List<Added> added) {

  /// Two tokens that may be joined.
  record Merge(String left, String right) {
    String joined() {
      return left + right;
    }
  }

  /// A token that is looked for in the text before anything else happens to it.
  record Added(int id, String content, boolean lstrip, boolean rstrip, boolean special) {}

  /// @throws UserException if it is malformed or not byte-pair encoding
  static HfTokenizer parse(ObjectNode json, String source) {
    JsonNode model = json.path("model");
    String type = model.path("type").asString("BPE");
    if (!type.equals("BPE") || !(model.get("vocab") instanceof ObjectNode vocab)) {
      throw new UserException(
          "The tokenizer "
              + source
              + " is of type "
              + type
              + "; GGUF output supports byte-pair encoding (BPE) only.");
    }
    for (String key : new String[] {"continuing_subword_prefix", "end_of_word_suffix"}) {
      if (!model.path(key).asString("").isEmpty()) {
        throw new UserException(
            "The tokenizer " + source + " uses " + key + ", which GGUF cannot carry.");
      }
    }
    SequencedMap<String, Integer> pieces = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> entry : vocab.properties()) {
      pieces.put(entry.getKey(), id(entry.getValue(), entry.getKey(), source));
    }
    return new HfTokenizer(
        source, json, pieces, merges(model.path("merges"), source), added(json, source));
  }

  private static int id(JsonNode node, String token, String source) {
    if (!node.isIntegralNumber() || !node.canConvertToInt() || node.asInt() < 0) {
      throw new UserException(
          "Token '"
              + token
              + "' in "
              + source
              + " has the id "
              + node
              + "; expected a whole number from 0 on.");
    }
    return node.asInt();
  }

  private static List<Merge> merges(JsonNode node, String source) {
    List<Merge> merges = new ArrayList<>(node.size());
    for (JsonNode merge : node) {
      merges.add(merge(merge, source));
    }
    return merges;
  }

  /// A pair, or in older files a string with one space.
  private static Merge merge(JsonNode node, String source) {
    if (node instanceof ArrayNode pair
        && pair.size() == 2
        && pair.get(0).isString()
        && pair.get(1).isString()) {
      return new Merge(pair.get(0).asString(), pair.get(1).asString());
    }
    String text = node.isString() ? node.asString() : "";
    int space = text.indexOf(' ');
    if (space <= 0 || space == text.length() - 1) {
      throw new UserException(
          "Merge " + node + " in " + source + " is wrong; expected a pair of tokens.");
    }
    return new Merge(text.substring(0, space), text.substring(space + 1));
  }

  private static List<Added> added(ObjectNode json, String source) {
    List<Added> added = new ArrayList<>();
    for (JsonNode node : json.path("added_tokens")) {
      String content = node.path("content").asString("");
      if (content.isEmpty()) {
        throw new UserException("An added token in " + source + " has no content: " + node + ".");
      }
      added.add(
          new Added(
              id(node.path("id"), content, source),
              content,
              node.path("lstrip").asBoolean(false),
              node.path("rstrip").asBoolean(false),
              node.path("special").asBoolean(false)));
    }
    return added;
  }

  /// The elements of `key` one after the other, those of a `Sequence` in its place; empty if null.
  ///
  /// @param key `normalizer` or `pre_tokenizer`
  /// @param children where a `Sequence` holds its elements, such as `normalizers`
  List<JsonNode> steps(String key, String children) {
    List<JsonNode> steps = new ArrayList<>();
    flatten(json.path(key), children, steps);
    return steps;
  }

  private static void flatten(JsonNode node, String children, List<JsonNode> into) {
    if (node.path("type").asString("").equals("Sequence")) {
      node.path(children).forEach(child -> flatten(child, children, into));
    } else if (node.isObject()) {
      into.add(node);
    }
  }

  boolean byteFallback() {
    return json.path("model").path("byte_fallback").asBoolean(false);
  }

  boolean ignoreMerges() {
    return json.path("model").path("ignore_merges").asBoolean(false);
  }
}
