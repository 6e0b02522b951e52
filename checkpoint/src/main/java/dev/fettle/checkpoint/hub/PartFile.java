package dev.fettle.checkpoint.hub;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;

/// A file that is downloaded: `….incomplete` until all of it is there and is what it should be. The
/// next attempt, or the next process, goes on where this one ends.
final class PartFile implements AutoCloseable {
  private static final int BUFFER = 1 << 20;

  private final Path path;
  private final ContentHash hash;
  private final FileChannel channel;
  private MessageDigest digest;
  private long size;

  private PartFile(Path path, ContentHash hash, FileChannel channel) {
    this.path = path;
    this.hash = hash;
    this.channel = channel;
    digest = hash.start();
  }

  /// Opens the part that is there, or an empty one. What is there is read for its hash.
  ///
  /// @throws UserException if the place is not writable
  static PartFile open(Path path, ContentHash hash) {
    try {
      Files.createDirectories(path.getParent());
      FileChannel channel =
          FileChannel.open(
              path,
              StandardOpenOption.CREATE,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              LinkOption.NOFOLLOW_LINKS);
      PartFile part = new PartFile(path, hash, channel);
      part.readAgain();
      return part;
    } catch (IOException e) {
      throw cannotWrite(path, e);
    }
  }

  private void readAgain() throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(BUFFER);
    channel.position(0);
    while (channel.read(buffer) >= 0) {
      buffer.flip();
      size += buffer.remaining();
      digest.update(buffer);
      buffer.clear();
    }
  }

  /// Bytes that are there.
  long size() {
    return size;
  }

  /// Forgets what is there.
  void restart() {
    try {
      channel.truncate(0);
      channel.position(0);
    } catch (IOException e) {
      throw cannotWrite(path, e);
    }
    size = 0;
    digest = hash.start();
  }

  /// @throws UserException if the disk is full
  void write(byte[] bytes, int length) {
    try {
      ByteBuffer rest = ByteBuffer.wrap(bytes, 0, length);
      while (rest.hasRemaining()) {
        channel.write(rest);
      }
    } catch (IOException e) {
      throw cannotWrite(path, e);
    }
    digest.update(bytes, 0, length);
    size += length;
  }

  /// The hash of all that is there. Only [#restart] and [#moveTo] make sense afterwards.
  String hash() {
    return ContentHash.hex(digest);
  }

  /// Flushes it to the disk and gives it its name, replacing what has that name.
  void moveTo(Path target) {
    try {
      channel.force(true);
      channel.close();
      Files.createDirectories(target.getParent());
      Files.move(path, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw cannotWrite(target, e);
    }
  }

  /// Removes it.
  void delete() {
    close();
    try {
      Files.deleteIfExists(path);
    } catch (IOException e) {
      throw cannotWrite(path, e);
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw cannotWrite(path, e);
    }
  }

  static UserException cannotWrite(Path path, IOException e) {
    String reason =
        e instanceof FileSystemException system && system.getReason() != null
            ? system.getReason()
            : e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    String kind = e instanceof java.nio.file.AccessDeniedException ? "permission denied" : reason;
    return new UserException("Cannot write " + path + ": " + kind + ".", e);
  }
}
