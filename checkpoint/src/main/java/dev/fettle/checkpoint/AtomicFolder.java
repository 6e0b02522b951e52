package dev.fettle.checkpoint;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.stream.Stream;

/// A folder that appears complete or not at all, whatever kills the process meanwhile.
public final class AtomicFolder {
  private AtomicFolder() {}

  /// Fills a folder; the path is its temporary name.
  public interface Content {
    void writeTo(Path folder) throws IOException;
  }

  /// Lets `content` fill a new folder, flushes it, and gives it its name. A folder of that name is
  /// replaced: it is moved away first, so at any moment either the old or the new one is there
  /// under its own or a hidden name.
  ///
  /// @throws UserException if the disk is full or the place is not writable
  public static void write(Path folder, Content content) {
    Path temporary = AtomicFiles.temporarySibling(folder);
    try {
      Files.createDirectories(temporary);
      content.writeTo(temporary);
      for (Path file : files(temporary)) {
        AtomicFiles.flush(file);
      }
      AtomicFiles.flush(temporary);
      if (Files.exists(folder)) {
        Path old = AtomicFiles.retiredSibling(folder);
        Files.move(folder, old, StandardCopyOption.ATOMIC_MOVE);
        Files.move(temporary, folder, StandardCopyOption.ATOMIC_MOVE);
        AtomicFiles.deleteTree(old);
      } else {
        Files.move(temporary, folder, StandardCopyOption.ATOMIC_MOVE);
      }
      AtomicFiles.flush(AtomicFiles.parent(folder));
    } catch (IOException e) {
      throw AtomicFiles.cannotWrite(folder, e);
    } finally {
      AtomicFiles.deleteTree(temporary);
    }
  }

  /// A new, empty folder beside `target` for work that ends with moving a part of it there; the
  /// caller deletes it. What a killed process left of such work is removed first.
  ///
  /// @throws UserException if the place is not writable
  public static Path temporary(Path target) {
    Path temporary = AtomicFiles.temporarySibling(target);
    try {
      Files.createDirectories(temporary);
      return temporary;
    } catch (IOException e) {
      throw AtomicFiles.cannotWrite(target, e);
    }
  }

  /// Removes a folder with everything in it; nothing happens if it does not exist.
  public static void delete(Path folder) {
    AtomicFiles.deleteTree(folder);
  }

  private static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> paths = Files.walk(folder)) {
      return paths.filter(Files::isRegularFile).toList();
    }
  }
}
