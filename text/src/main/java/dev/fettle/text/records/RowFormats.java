package dev.fettle.text.records;

import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The formats at hand: our own, and those that `ServiceLoader` finds.
final class RowFormats {
  private static final String PARQUET = ".parquet";

  private final List<RowFormat> formats = new ArrayList<>();

  RowFormats() {
    formats.addAll(List.of(new JsonLines(), new JsonDocument(), Csv.commas(), Csv.tabs()));
    ServiceLoader.load(RowFormat.class, RowFormats.class.getClassLoader()).forEach(formats::add);
  }

  /// @return null for a file of plain text
  /// @throws UserException if the name says it is neither text nor a format at hand
  @Nullable RowFormat of(Path file) {
    String name = DataStream.plainName(file);
    for (RowFormat format : formats) {
      if (format.endings().stream().anyMatch(name::endsWith)) {
        return format;
      }
    }
    if (name.endsWith(PARQUET)) {
      throw new UserException(
          file + ": Parquet is read by the module fettle-parquet; add it to the class path.");
    }
    if (name.matches(".*\\.(arrow|feather|avro|orc|xlsx?|zip|zst|bz2|xz|tar|pkl|pt|bin)")) {
      throw new UserException(
          "%s is in a format that is not read here; write it as %s or text."
              .formatted(file, endings()));
    }
    return null;
  }

  /// Whether a folder's file is data by its name.
  boolean isData(Path file) {
    String name = DataStream.plainName(file);
    return name.endsWith(".txt")
        || formats.stream().flatMap(format -> format.endings().stream()).anyMatch(name::endsWith);
  }

  String endings() {
    return formats.stream()
        .map(format -> format.endings().getFirst())
        .collect(Collectors.joining(", "));
  }
}
