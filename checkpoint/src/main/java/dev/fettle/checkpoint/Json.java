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
    return asObject(value(text, source), source);
  }

  /// The value in this text, missing if it is blank.
  ///
  /// @param source where the text is from, for the error message
  /// @throws UserException if the text is not one JSON value; it names a line within the text only
  ///   if there are several
  public static JsonNode value(String text, String source) {
    try {
      return MAPPER.readTree(text);
    } catch (JacksonException e) {
      throw malformed(e, source, text.stripTrailing().indexOf('\n') >= 0);
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
    throw new UserException("Expected a JSON object in " + source + ", found " + kind(node) + ".");
  }

  /// What this is, for messages: `an array`.
  public static String kind(JsonNode node) {
    return switch (node.getNodeType()) {
      case ARRAY -> "an array";
      case OBJECT, POJO -> "an object";
      case STRING, BINARY -> "text";
      case NUMBER -> "a number";
      case BOOLEAN -> "true or false";
      case NULL -> "null";
      case MISSING -> "nothing";
    };
  }

  /// Turns a parser error into one sentence with line and column.
  public static UserException malformed(JacksonException e, String source) {
    return malformed(e, source, true);
  }

  private static UserException malformed(JacksonException e, String source, boolean lines) {
    TokenStreamLocation at = e.getLocation();
    String where = "";
    if (at != null) {
      where = (lines ? " line " + at.getLineNr() : "") + ", column " + at.getColumnNr();
    }
    return new UserException(
        "Malformed JSON in " + source + where + ": " + JsonProblem.of(e) + ".", e);
  }
}
