package dev.fettle.text.records;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Predicate;

/// A file format that holds rows. Formats of other modules are found by `ServiceLoader`, so that
/// only those who want Parquet carry its libraries.
public interface RowFormat {

  /// Ends of file names, lower case, with their dot: `.csv`. A `.gz` behind them is taken off
  /// before they are compared, and [DataStream] unpacks it.
  List<String> endings();

  /// What [Row#number] counts: `line` or `row`.
  String unit();

  /// Reads one row after another, holding one in memory at a time.
  ///
  /// @param field the key whose array holds the rows, for formats that nest them; empty finds it
  /// @param sink takes a row and says whether it wants another
  /// @throws dev.fettle.tensor.UserException if the file is missing or malformed, naming the place
  void read(Path file, String field, Predicate<Row> sink);
}
