package dev.fettle.text.records;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// Comma- or tab-separated values with a header line; quotes as in RFC 4180, so that a quoted field
/// may hold separators, doubled quotes and line ends. Every value is a string. Blanks around the
/// names in the header do not count.
///
/// @param endings of file names
/// @param separator between fields
record Csv(List<String> endings, char separator) implements RowFormat {
  static Csv commas() {
    return new Csv(List.of(".csv"), ',');
  }

  static Csv tabs() {
    return new Csv(List.of(".tsv", ".tab"), '\t');
  }

  @Override
  public String unit() {
    return "line";
  }

  @Override
  public void read(Path file, String field, Predicate<Row> sink) {
    Table table = new Table(file, sink);
    Utf8Lines.read(file, table::line);
    table.end();
  }

  /// The rows so far: the header, and a record that may go on in the next line.
  private final class Table {
    private final Path file;
    private final Predicate<Row> sink;
    private final CsvRecord record = new CsvRecord(separator);
    private @Nullable List<String> header;
    private long start;
    private boolean open;

    Table(Path file, Predicate<Row> sink) {
      this.file = file;
      this.sink = sink;
    }

    boolean line(String line, long number) {
      if (!open) {
        if (line.isBlank()) {
          return true;
        }
        start = number;
      }
      @Nullable String problem = record.add(line);
      if (problem != null) {
        throw new UserException("%s line %d: %s".formatted(file, number, problem));
      }
      open = record.open();
      return open || accept(record.take());
    }

    void end() {
      if (open) {
        throw new UserException(
            "%s line %d: a quoted field starts here and is never closed; double the quotes inside fields."
                .formatted(file, start));
      }
    }

    private boolean accept(List<String> fields) {
      if (header == null) {
        header = checked(fields.stream().map(String::strip).toList());
        return true;
      }
      if (fields.size() != header.size()) {
        throw new UserException(
            "%s line %d: expected %d fields as in the header, found %d; quote fields that hold a %s."
                .formatted(
                    file,
                    start,
                    header.size(),
                    fields.size(),
                    separator == '\t' ? "tab" : "comma or a line end"));
      }
      ObjectNode columns = Json.object();
      for (int i = 0; i < fields.size(); i++) {
        columns.put(header.get(i), fields.get(i));
      }
      return sink.test(new Row(columns, start));
    }

    private List<String> checked(List<String> names) {
      Set<String> seen = new HashSet<>();
      for (String name : names) {
        if (!seen.add(name)) {
          throw new UserException(
              "%s line %d: the header names the column '%s' twice; rename one."
                  .formatted(file, start, name));
        }
      }
      if (names.size() == 1 && names.getFirst().contains(";")) {
        throw new UserException(
            "%s line %d: the columns are separated by semicolons; expected commas, or tabs in a .tsv file."
                .formatted(file, start));
      }
      return names;
    }
  }
}
