package dev.fettle.parquet;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import dev.fettle.text.records.Row;
import dev.fettle.text.records.RowFormat;
import dev.hardwood.metadata.ColumnChunk;
import dev.hardwood.metadata.RowGroup;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.reader.RowReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Predicate;
import java.util.logging.Level;
import java.util.logging.Logger;
import tools.jackson.databind.node.ObjectNode;

/// Parquet as pyarrow and the Hugging Face hub write it: rows with strings, numbers, and structs,
/// lists and maps of them to any depth; snappy, zstd, gzip or no compression.
public final class ParquetFormat implements RowFormat {
  /// The library's log, which tells of every start; kept here, since a level lasts as long as
  /// someone holds its logger.
  private final Logger log = Logger.getLogger("dev.hardwood");

  /// Found by ServiceLoader.
  public ParquetFormat() {
    if (log.getLevel() == null) {
      log.setLevel(Level.WARNING);
    }
  }

  @Override
  public List<String> endings() {
    return List.of(".parquet");
  }

  @Override
  public String unit() {
    return "row";
  }

  @Override
  public void read(Path file, String field, Predicate<Row> sink) {
    try {
      rows(file, sink);
    } catch (SinkFailure e) {
      throw e.cause;
    } catch (UserException e) {
      throw e;
    } catch (NoSuchFileException e) {
      throw new UserException("Data file " + file + " does not exist; check the path.", e);
    } catch (IOException | RuntimeException e) { // the library throws both for what is malformed
      throw malformed(file, e);
    }
  }

  private static void rows(Path file, Predicate<Row> sink) throws IOException {
    if (!Files.exists(file)) {
      throw new NoSuchFileException(file.toString());
    }
    try (ParquetFileReader reader = ParquetFileReader.open(new ChannelFile(file))) {
      checkSizes(file, reader);
      try (RowReader rows = reader.rowReader()) {
        boolean wanted = true;
        for (long number = 1; wanted && rows.hasNext(); number++) {
          rows.next();
          wanted = give(new Row(columns(rows), number), sink);
        }
      }
    }
  }

  private static boolean give(Row row, Predicate<Row> sink) {
    try {
      return sink.test(row);
    } catch (RuntimeException e) {
      throw new SinkFailure(e);
    }
  }

  /// Carries what the receiver of a row throws past what the library throws.
  private static final class SinkFailure extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final RuntimeException cause;

    SinkFailure(RuntimeException cause) {
      super(cause);
      this.cause = cause;
    }
  }

  private static ObjectNode columns(RowReader rows) {
    ObjectNode columns = Json.object();
    for (int i = 0; i < rows.getFieldCount(); i++) {
      columns.set(rows.getFieldName(i), ParquetValue.json(rows.getValue(i)));
    }
    return columns;
  }

  /// Whether the chunks of columns lie inside the file; sizes are believed only after that.
  private static void checkSizes(Path file, ParquetFileReader reader) throws IOException {
    long length = Files.size(file);
    if (reader.getFileSchema().getColumnCount() == 0) {
      throw new UserException(file + " has no columns; expected those of training records.");
    }
    for (RowGroup group : reader.getFileMetaData().rowGroups()) {
      for (ColumnChunk chunk : group.columns()) {
        long start = chunk.chunkStartOffset();
        long bytes = chunk.metaData().totalCompressedSize();
        if (chunk.metaData().numValues() < group.numRows()) {
          throw new UserException(
              "%s is damaged: the column %s has %d values in %d rows; download it again."
                  .formatted(
                      file,
                      chunk.metaData().pathInSchema(),
                      chunk.metaData().numValues(),
                      group.numRows()));
        }
        if (start < 0 || bytes < 0 || bytes > length || start > length - bytes) {
          throw new UserException(
              "%s is damaged: the column %s lies at bytes %d to %d of a file of %d; download it again."
                  .formatted(file, chunk.metaData().pathInSchema(), start, start + bytes, length));
        }
      }
    }
  }

  private static UserException malformed(Path file, Exception e) {
    String what = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    return new UserException(
        "%s cannot be read as Parquet: %s; check that it was downloaded whole."
            .formatted(file, what),
        e);
  }
}
