package dev.fettle.cli;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.dataformat.yaml.YAMLFactory;

/// The options of a verb in a YAML file: one mapping, with a text, number or boolean for each key,
/// a list of them, or a mapping for an option that takes a JSON object.
///
/// @param path for messages
/// @param entries in the order of the file
record ConfigFile(Path path, Map<String, Entry> entries) {
  /// @param values as they are written
  /// @param list whether they stand in a list
  /// @param object whether the value is a mapping, as JSON text
  /// @param line from 1
  record Entry(List<String> values, boolean list, boolean object, int line) {}

  /// @throws UserException if the file cannot be read or holds something else
  static ConfigFile read(Path path) {
    byte[] bytes;
    try {
      bytes = Files.readAllBytes(path);
    } catch (NoSuchFileException e) {
      throw new UserException("Configuration " + path + " does not exist.", e);
    } catch (IOException e) {
      throw new UserException("Cannot read " + path + ": " + e.getMessage() + ".", e);
    }
    try (JsonParser parser = new YAMLFactory().createParser(ObjectReadContext.empty(), bytes)) {
      return new ConfigFile(path, new Reader(path, parser).entries());
    } catch (JacksonException e) {
      throw new UserException(
          "%s is not YAML at line %d: %s."
              .formatted(
                  path,
                  e.getLocation() == null ? 1 : e.getLocation().getLineNr(),
                  e.getOriginalMessage().lines().findFirst().orElse("")),
          e);
    }
  }

  /// `run.yaml line 3`.
  String at(int line) {
    return path + " line " + line;
  }

  private record Reader(Path path, JsonParser parser) {
    Map<String, Entry> entries() {
      Map<String, Entry> entries = new LinkedHashMap<>();
      JsonToken first = parser.nextToken();
      if (first == null) {
        return entries; // an empty file
      }
      if (first != JsonToken.START_OBJECT) {
        throw wrong("", "one option per line, such as 'lora-r: 8'");
      }
      while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
        String key = parser.currentName();
        int line = parser.currentTokenLocation().getLineNr();
        parser.nextToken();
        Entry entry = entry(key, line);
        if (entries.put(key, entry) != null) {
          throw new UserException(
              "Key '%s' stands twice in %s, again at line %d.".formatted(key, path, line));
        }
      }
      if (parser.nextToken() != null) {
        throw wrong("", "one document");
      }
      return entries;
    }

    private Entry entry(String key, int line) {
      if (parser.currentToken() == JsonToken.START_OBJECT) {
        return new Entry(List.of(new YamlObject(parser, path).json()), false, true, line);
      }
      if (parser.currentToken() != JsonToken.START_ARRAY) {
        return new Entry(List.of(scalar(key)), false, false, line);
      }
      List<String> values = new ArrayList<>();
      while (parser.nextToken() != JsonToken.END_ARRAY) {
        values.add(scalar(key));
      }
      return new Entry(List.copyOf(values), true, false, line);
    }

    private String scalar(String key) {
      return switch (parser.currentToken()) {
        case VALUE_STRING, VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT, VALUE_TRUE, VALUE_FALSE ->
            parser.getString();
        case VALUE_NULL, START_OBJECT, START_ARRAY, END_OBJECT, END_ARRAY, PROPERTY_NAME ->
            throw wrong("Key '" + key + "': ", "a value or a list of values");
        case NOT_AVAILABLE, VALUE_EMBEDDED_OBJECT -> throw wrong("", "plain YAML");
      };
    }

    private UserException wrong(String key, String expected) {
      return new UserException(
          "%s%s line %d: expected %s."
              .formatted(key, path, parser.currentTokenLocation().getLineNr(), expected));
    }
  }
}
