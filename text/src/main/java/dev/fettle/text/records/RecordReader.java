package dev.fettle.text.records;

import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// Reads the records of data files, one after another.
public final class RecordReader {
  private final RecordOptions options;
  private final RowFormats formats = new RowFormats();

  public RecordReader(RecordOptions options) {
    this.options = options;
  }

  /// Takes a record and the number of its row; says whether it wants another.
  public interface Sink {
    boolean accept(TrainingRecord record, long number);
  }

  /// What [Row#number] counts in this file; null for a file of plain text, which has no rows.
  ///
  /// @throws UserException if the file is of a format that is not read
  public @Nullable String unit(Path file) {
    RowFormat format = formats.of(file);
    return format == null ? null : format.unit();
  }

  /// @param file one that has rows
  /// @throws UserException if it is malformed, a row is of no kind, or the sink throws one; it
  ///   names the file and the row
  public void read(Path file, Sink sink) {
    RowFormat format = formats.of(file);
    if (format == null) {
      throw new IllegalArgumentException(file + " has no rows");
    }
    KindDetector detector = new KindDetector(options, format.unit());
    RecordMaker maker = new RecordMaker(options.columns(), options.templateVariables());
    format.read(
        file,
        options.jsonField(),
        row -> {
          try {
            RecordKind kind = detector.of(row);
            return sink.accept(maker.make(kind, row.columns()), row.number());
          } catch (UserException e) {
            throw new UserException(
                "%s %s %d: %s".formatted(file, format.unit(), row.number(), e.getMessage()), e);
          }
        });
  }
}
