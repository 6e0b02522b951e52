package dev.fettle.cli;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// A mapping inside a YAML file as JSON text.
///
/// @param parser at the beginning of the mapping; at its end afterwards
/// @param path for messages
record YamlObject(JsonParser parser, Path path) {
  private static final int DEEPEST = 32;

  /// @throws UserException if it nests too deep or holds something that JSON has not
  String json() {
    return Json.compact(object(0));
  }

  private ObjectNode object(int depth) {
    ObjectNode object = Json.object();
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String key = parser.currentName();
      parser.nextToken();
      ArrayNode holder = Json.object().putArray(key);
      addTo(holder, depth);
      object.set(key, holder.get(0));
    }
    return object;
  }

  private void addTo(ArrayNode target, int depth) {
    if (depth > DEEPEST) {
      throw wrong("fewer levels");
    }
    switch (parser.currentToken()) {
      case VALUE_STRING -> target.add(parser.getString());
      case VALUE_NUMBER_INT -> target.add(parser.getBigIntegerValue());
      case VALUE_NUMBER_FLOAT -> target.add(parser.getDoubleValue());
      case VALUE_TRUE -> target.add(true);
      case VALUE_FALSE -> target.add(false);
      case VALUE_NULL -> target.addNull();
      case START_OBJECT -> target.add(object(depth + 1));
      case START_ARRAY -> {
        ArrayNode array = target.addArray();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          addTo(array, depth + 1);
        }
      }
      case END_OBJECT, END_ARRAY, PROPERTY_NAME, NOT_AVAILABLE, VALUE_EMBEDDED_OBJECT ->
          throw wrong("plain YAML");
    }
  }

  private UserException wrong(String expected) {
    return new UserException(
        "%s line %d: expected %s."
            .formatted(path, parser.currentTokenLocation().getLineNr(), expected));
  }
}
