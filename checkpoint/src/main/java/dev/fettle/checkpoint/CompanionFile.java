package dev.fettle.checkpoint;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// A file that belongs to a model but holds no weights, such as `tokenizer.json`.
public sealed interface CompanionFile {
  /// File name without folder.
  String name();

  /// Writes it into a folder.
  ///
  /// @throws UserException if it cannot be read
  /// @throws IOException if it cannot be written
  void copyInto(Path folder) throws IOException;

  /// One that lies beside the weights.
  record OnDisk(Path path) implements CompanionFile {
    @Override
    public String name() {
      return path.getFileName().toString();
    }

    @Override
    public void copyInto(Path folder) throws IOException {
      Path copy = folder.resolve(name());
      Files.copy(path, copy);
      AtomicFiles.flush(copy);
    }
  }

  /// One made from what the checkpoint says elsewhere.
  record InMemory(String name, byte[] content) implements CompanionFile {
    @Override
    public void copyInto(Path folder) throws IOException {
      Path file = folder.resolve(name);
      Files.write(file, content);
      AtomicFiles.flush(file);
    }
  }
}
