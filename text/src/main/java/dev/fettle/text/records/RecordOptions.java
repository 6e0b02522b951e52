package dev.fettle.text.records;

import dev.fettle.checkpoint.Json;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// How rows become training records.
///
/// @param kind of every row; null tells it by the columns
/// @param columns names that differ from those of the kind
/// @param jsonField the field of a `.json` file whose array holds the rows; empty finds it
/// @param templateVariables what every conversation tells its chat template, beside what its own
///   `chat_template_kwargs` say
public record RecordOptions(
    @Nullable RecordKind kind, ColumnMap columns, String jsonField, ObjectNode templateVariables) {

  /// Without variables for the chat template.
  public RecordOptions(@Nullable RecordKind kind, ColumnMap columns, String jsonField) {
    this(kind, columns, jsonField, Json.object());
  }

  /// Everything is told by the file.
  public static RecordOptions defaults() {
    return new RecordOptions(null, ColumnMap.none(), "");
  }

  public RecordOptions withColumns(ColumnMap value) {
    return new RecordOptions(kind, value, jsonField, templateVariables);
  }

  public RecordOptions withKind(@Nullable RecordKind value) {
    return new RecordOptions(value, columns, jsonField, templateVariables);
  }
}
