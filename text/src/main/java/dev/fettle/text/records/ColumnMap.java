package dev.fettle.text.records;

import dev.fettle.tensor.UserException;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Which column of the file stands for which column of a training record, such as
/// `prompt=question`.
///
/// @param names from the record's name to the file's; names that are absent stand for themselves
public record ColumnMap(Map<String, String> names) {
  /// Names of the keys of one message, which may be mapped too.
  private static final Set<String> MESSAGE_KEYS = Set.of("role", "content");

  /// @throws UserException if a name is no column of any kind of record
  public ColumnMap {
    names = Map.copyOf(names);
    for (Map.Entry<String, String> entry : new TreeMap<>(names).entrySet()) {
      if (!RecordKind.columnNames().contains(entry.getKey())
          && !MESSAGE_KEYS.contains(entry.getKey())) {
        throw new UserException(
            "--column-map %s=%s: '%s' is no column of a training record; expected one of %s, as in prompt=question."
                .formatted(
                    entry.getKey(), entry.getValue(), entry.getKey(), RecordKind.columnNames()));
      }
    }
  }

  /// Every column has its own name.
  public static ColumnMap none() {
    return new ColumnMap(Map.of());
  }

  /// @param pairs such as `prompt=question`
  /// @throws UserException if one is no pair, or a name comes twice
  public static ColumnMap parse(Collection<String> pairs) {
    SequencedMap<String, String> names = new LinkedHashMap<>();
    for (String pair : pairs) {
      int equals = pair.indexOf('=');
      if (equals < 1 || equals == pair.length() - 1) {
        throw new UserException(
            "--column-map '%s' is no pair; expected NAME=COLUMN, such as prompt=question."
                .formatted(pair));
      }
      String name = pair.substring(0, equals).strip();
      if (names.put(name, pair.substring(equals + 1).strip()) != null) {
        throw new UserException("--column-map names '%s' twice.".formatted(name));
      }
    }
    return new ColumnMap(names);
  }

  /// This, and one pair more.
  public ColumnMap with(String name, String column) {
    Map<String, String> more = new TreeMap<>(names);
    more.put(name, column);
    return new ColumnMap(more);
  }

  /// The file's name of a record's column.
  String column(String name) {
    return names.getOrDefault(name, name);
  }

  /// @return the value, a missing node if there is no such column, or a null node
  JsonNode value(ObjectNode columns, String name) {
    return columns.path(column(name));
  }

  @Override
  public String toString() {
    return new TreeMap<>(names).toString();
  }
}
