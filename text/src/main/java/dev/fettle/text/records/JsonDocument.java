package dev.fettle.text.records;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// A `.json` file: an array of objects; an object with such an array in one of its fields, as
/// `{"data": [...]}`; one object that is itself a record; or, as many tools write under this name,
/// objects one after another.
final class JsonDocument implements RowFormat {
  private static final JsonMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder().maxStringLength(Utf8Lines.LONGEST).build())
                  .build())
          .build();

  @Override
  public List<String> endings() {
    return List.of(".json");
  }

  @Override
  public String unit() {
    return "row";
  }

  @Override
  public void read(Path file, String field, Predicate<Row> sink) {
    Layout layout = parse(file, parser -> layout(file, parser, field));
    boolean unused = parse(file, parser -> rows(file, parser, layout, sink));
  }

  /// Where the rows are: `within` names the field whose array holds them, or is empty if they stand
  /// at the top, in an array or one after another.
  private record Layout(String within) {}

  private interface Body<R> {
    R parse(JsonParser parser);
  }

  private static <R> R parse(Path file, Body<R> body) {
    return DataStream.read(
        file,
        in -> {
          try (JsonParser parser = MAPPER.createParser(in)) {
            return body.parse(parser);
          } catch (JacksonException e) {
            throw Json.malformed(e, file.toString());
          }
        });
  }

  private static Layout layout(Path file, JsonParser parser, String field) {
    JsonToken first = parser.nextToken();
    if (first == null) {
      throw new UserException(file + " is empty; expected an array of JSON objects.");
    }
    if (first == JsonToken.START_ARRAY) {
      return new Layout("");
    }
    if (first != JsonToken.START_OBJECT) {
      throw new UserException(
          file + " holds neither an array nor an object; expected an array of JSON objects.");
    }
    List<String> names = new ArrayList<>();
    List<String> arrays = new ArrayList<>();
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String name = parser.currentName();
      names.add(name);
      if (parser.nextToken() == JsonToken.START_ARRAY) {
        if (parser.nextToken() == JsonToken.START_OBJECT) {
          arrays.add(name);
        }
        skipRest(parser);
      } else {
        parser.skipChildren();
      }
    }
    boolean more = parser.nextToken() != null;
    return choose(file, field, names, arrays, more);
  }

  /// From inside an array to its end.
  private static void skipRest(JsonParser parser) {
    JsonToken token = parser.currentToken();
    while (token != null && token != JsonToken.END_ARRAY) {
      parser.skipChildren();
      token = parser.nextToken();
    }
  }

  private static Layout choose(
      Path file, String field, List<String> names, List<String> arrays, boolean more) {
    if (!field.isEmpty()) {
      if (!arrays.contains(field)) {
        throw new UserException(
            "%s has no array of objects in the field '%s'; its fields are %s."
                .formatted(file, field, names));
      }
      return new Layout(field);
    }
    if (more || RecordKind.isRecord(names) || arrays.isEmpty()) {
      return new Layout("");
    }
    if (arrays.size() > 1) {
      throw new UserException(
          "%s has arrays of objects in the fields %s; say which holds the rows, with --json-field %s."
              .formatted(file, arrays, arrays.getFirst()));
    }
    return new Layout(arrays.getFirst());
  }

  private static boolean rows(Path file, JsonParser parser, Layout layout, Predicate<Row> sink) {
    if (!layout.within().isEmpty()) {
      parser.nextToken();
      while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
        boolean here = parser.currentName().equals(layout.within());
        parser.nextToken();
        if (here) {
          return elements(file, parser, sink);
        }
        parser.skipChildren();
      }
    }
    JsonToken first = parser.nextToken();
    if (first == JsonToken.START_ARRAY) {
      boolean all = elements(file, parser, sink);
      if (all && parser.nextToken() != null) {
        throw new UserException(file + " goes on after its array of rows; expected nothing there.");
      }
      return all;
    }
    long number = 1;
    for (JsonToken token = first; token != null; token = parser.nextToken()) {
      if (!sink.test(new Row(object(file, parser, number), number))) {
        return false;
      }
      number++;
    }
    return true;
  }

  private static boolean elements(Path file, JsonParser parser, Predicate<Row> sink) {
    long number = 1;
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      if (!sink.test(new Row(object(file, parser, number), number))) {
        return false;
      }
      number++;
    }
    return true;
  }

  private static ObjectNode object(Path file, JsonParser parser, long number) {
    JsonNode node = parser.readValueAsTree();
    if (node instanceof ObjectNode object) {
      return object;
    }
    throw new UserException(
        "%s row %d: expected a JSON object, found %s.".formatted(file, number, Json.kind(node)));
  }
}
