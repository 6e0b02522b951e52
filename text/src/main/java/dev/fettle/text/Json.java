package dev.fettle.text;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// Reads JSON objects, with errors that say where.
final class Json {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  private Json() {}

  /// @throws UserException if the file cannot be read or holds no JSON object
  static ObjectNode readObject(Path file) {
    try {
      return object(Files.readString(file), file.toString());
    } catch (IOException e) {
      throw new UserException(
          "Cannot read " + file + " (" + e.getMessage() + "); check the path and its encoding.", e);
    }
  }

  /// @param where what the user knows the text by, such as `train.jsonl, line 3`
  /// @throws UserException if `text` is no JSON object
  static ObjectNode object(String text, String where) {
    JsonNode node;
    try {
      node = MAPPER.readTree(text);
    } catch (JacksonException e) {
      throw new UserException(
          where + ": expected a JSON object, found malformed JSON: " + e.getOriginalMessage(), e);
    }
    if (node instanceof ObjectNode object) {
      return object;
    }
    throw new UserException(
        where
            + ": expected a JSON object, found "
            + node.getNodeType().name().toLowerCase(java.util.Locale.ROOT)
            + ".");
  }
}
