package dev.fettle.checkpoint;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/// Files that are there completely or not at all: written under a temporary name beside the target,
/// flushed to the disk, then moved over it.
public final class AtomicFiles {
  private AtomicFiles() {}

  /// Fills a file; the path is the temporary name.
  @FunctionalInterface
  public interface Content {
    void writeTo(Path temporary) throws IOException;
  }

  /// @throws UserException if the disk is full or the place is not writable
  public static void writeString(Path file, String text) {
    write(file, text.getBytes(StandardCharsets.UTF_8));
  }

  /// @throws UserException if the disk is full or the place is not writable
  public static void write(Path file, byte[] bytes) {
    write(
        file,
        temporary -> {
          try (FileChannel channel =
              FileChannel.open(
                  temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            ByteBuffer rest = ByteBuffer.wrap(bytes);
            while (rest.hasRemaining()) {
              channel.write(rest);
            }
          }
        });
  }

  /// Lets `content` write the whole file, flushes it and moves it to `file`, replacing what was
  /// there. The folder is created if need be.
  ///
  /// @throws UserException if the disk is full or the place is not writable
  public static void write(Path file, Content content) {
    Path temporary = temporarySibling(file);
    try {
      Files.createDirectories(parent(file));
      content.writeTo(temporary);
      flush(temporary);
      Files.move(
          temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      flush(parent(file));
    } catch (IOException e) {
      throw cannotWrite(file, e);
    } finally {
      deleteTree(temporary);
    }
  }

  /// A fresh hidden name in the same folder, so that the final move stays on one file system. What
  /// a killed process left under such a name is removed first.
  static Path temporarySibling(Path target) {
    String prefix = "." + target.getFileName() + ".partial-";
    Path folder = parent(target);
    if (Files.isDirectory(folder)) {
      try (DirectoryStream<Path> entries =
          Files.newDirectoryStream(
              folder, entry -> entry.getFileName().toString().startsWith(prefix))) {
        for (Path entry : entries) {
          if (isAbandoned(entry.getFileName().toString().substring(prefix.length()))) {
            deleteTree(entry);
          }
        }
      } catch (IOException e) {
        throw cannotWrite(target, e);
      }
    }
    return folder.resolve(prefix + uniqueSuffix());
  }

  /// A hidden name in the same folder for what is about to be replaced.
  static Path retiredSibling(Path target) {
    return parent(target).resolve("." + target.getFileName() + ".old-" + uniqueSuffix());
  }

  private static String uniqueSuffix() {
    return ProcessHandle.current().pid() + "-" + UUID.randomUUID().toString().substring(0, 8);
  }

  /// Whether the process in a suffix `pid-random` is gone.
  private static boolean isAbandoned(String suffix) {
    int dash = suffix.indexOf('-');
    if (dash <= 0 || dash > 18 || !suffix.substring(0, dash).chars().allMatch(Character::isDigit)) {
      return false;
    }
    return ProcessHandle.of(Long.parseLong(suffix.substring(0, dash))).isEmpty();
  }

  static Path parent(Path path) {
    @Nullable Path parent = path.toAbsolutePath().getParent();
    if (parent == null) {
      throw new UserException("Cannot write to " + path + ": it is the root of the file system.");
    }
    return parent;
  }

  /// Makes the file's data (or the folder's entries) survive a power failure.
  static void flush(Path fileOrFolder) throws IOException {
    StandardOpenOption mode =
        Files.isDirectory(fileOrFolder) ? StandardOpenOption.READ : StandardOpenOption.WRITE;
    try (FileChannel channel = FileChannel.open(fileOrFolder, mode)) {
      channel.force(true);
    }
  }

  /// Removes a file or a folder with everything in it; nothing happens if it does not exist.
  static void deleteTree(Path root) {
    if (!Files.exists(root)) {
      return;
    }
    try {
      Files.walkFileTree(
          root,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
                throws IOException {
              Files.delete(file);
              return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException failure)
                throws IOException {
              if (failure != null) {
                throw failure;
              }
              Files.delete(folder);
              return FileVisitResult.CONTINUE;
            }
          });
    } catch (IOException e) {
      throw new UserException("Cannot remove " + root + ": " + reason(e) + ".", e);
    }
  }

  static UserException cannotWrite(Path file, IOException e) {
    return new UserException("Cannot write " + file + ": " + reason(e) + ".", e);
  }

  /// `NoSpaceLeft…` and friends: the message alone, or the kind of failure when there is none.
  static String reason(IOException e) {
    @Nullable String message = e.getMessage();
    if (e instanceof java.nio.file.FileSystemException system) {
      String why = system.getReason() == null ? e.getClass().getSimpleName() : system.getReason();
      return why + " (" + system.getFile() + ")";
    }
    return message == null ? e.getClass().getSimpleName() : message;
  }
}
