package dev.fettle.text.records;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Predicate;
import tools.jackson.databind.node.ObjectNode;

/// One JSON object per line; blank lines are skipped.
final class JsonLines implements RowFormat {
  @Override
  public List<String> endings() {
    return List.of(".jsonl", ".ndjson", ".jsonlines");
  }

  @Override
  public String unit() {
    return "line";
  }

  @Override
  public void read(Path file, String field, Predicate<Row> sink) {
    Utf8Lines.read(
        file,
        (line, number) ->
            line.isBlank() || sink.test(new Row(object(line, file + " line " + number), number)));
  }

  private static ObjectNode object(String line, String place) {
    if (line.stripLeading().startsWith("[")) {
      throw new UserException(
          "Expected a JSON object in %s, found an array; name a file .json whose rows stand in an array."
              .formatted(place));
    }
    return Json.parse(line, place);
  }
}
