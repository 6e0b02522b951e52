package dev.fettle.text.records;

import dev.fettle.checkpoint.Json;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Predicate;

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
            line.isBlank()
                || sink.test(new Row(Json.parse(line, file + " line " + number), number)));
  }
}
