package dev.fettle.text.records;

import org.jspecify.annotations.Nullable;

/// How rows become training records.
///
/// @param kind of every row; null tells it by the columns
/// @param columns names that differ from those of the kind
/// @param jsonField the field of a `.json` file whose array holds the rows; empty finds it
public record RecordOptions(@Nullable RecordKind kind, ColumnMap columns, String jsonField) {
  /// Everything is told by the file.
  public static RecordOptions defaults() {
    return new RecordOptions(null, ColumnMap.none(), "");
  }

  public RecordOptions withColumns(ColumnMap value) {
    return new RecordOptions(kind, value, jsonField);
  }

  public RecordOptions withKind(@Nullable RecordKind value) {
    return new RecordOptions(value, columns, jsonField);
  }
}
