package dev.fettle.checkpoint;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// JSON text to trees and back, with errors that name the file and the line.
public final class Json {
  static final JsonMapper MAPPER = JsonMapper.builder().build();

  private Json() {}

  /// The object in this file.
  ///
  /// @throws UserException if the file is missing, unreadable, not JSON, or not an object
  public static ObjectNode read(Path file) {
    byte[] bytes;
    try {
      bytes = Files.readAllBytes(file);
    } catch (NoSuchFileException e) {
      throw new UserException("File " + file + " does not exist.", e);
    } catch (IOException e) {
      throw new UserException("Cannot read " + file + ": " + e.getMessage() + ".", e);
    }
    try {
      return asObject(MAPPER.readTree(bytes), file.toString());
    } catch (JacksonException e) {
      throw malformed(e, file.toString());
    }
  }

  /// The object in this text.
  ///
  /// @param source where the text is from, for the error message, such as `data.jsonl line 7`
  /// @throws UserException if the text is not one JSON object
  public static ObjectNode parse(String text, String source) {
    try {
      return asObject(MAPPER.readTree(text), source);
    } catch (JacksonException e) {
      throw malformed(e, source);
    }
  }

  /// A new empty object.
  public static ObjectNode object() {
    return MAPPER.createObjectNode();
  }

  /// Indented by two spaces, with a line feed at the end.
  public static String pretty(JsonNode node) {
    return MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(node) + "\n";
  }

  /// On one line, without a line feed.
  public static String compact(JsonNode node) {
    return MAPPER.writeValueAsString(node);
  }

  private static ObjectNode asObject(JsonNode node, String source) {
    if (node instanceof ObjectNode object) {
      return object;
    }
    throw new UserException(
        "Expected a JSON object in " + source + ", found " + node.getNodeType() + ".");
  }

  /// Turns a parser error into one sentence with line and column.
  public static UserException malformed(JacksonException e, String source) {
    TokenStreamLocation at = e.getLocation();
    String where = at == null ? "" : " at line " + at.getLineNr() + ", column " + at.getColumnNr();
    String what = e.getOriginalMessage().replaceFirst(" \\(start marker at .*", "");
    int end = what.indexOf('\n');
    return new UserException(
        "Malformed JSON in " + source + where + ": " + (end < 0 ? what : what.substring(0, end)),
        e);
  }
}
