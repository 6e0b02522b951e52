package dev.fettle.checkpoint.gguf;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// One GGUF file of version 2 or 3, mapped into memory and checked completely when it is opened.
public final class GgufFile implements AutoCloseable {
  private final Path path;
  private final Arena arena;
  private final GgufHeader.Parsed header;
  private final MemorySegment data;
  private final SequencedMap<String, GgufTensorInfo> tensors = new LinkedHashMap<>();

  private GgufFile(Path path, Arena arena, MemorySegment all, GgufHeader.Parsed header) {
    this.path = path;
    this.arena = arena;
    this.header = header;
    this.data = all.asSlice(header.dataStart());
    header.tensors().forEach((name, placed) -> tensors.put(name, placed.info()));
  }

  /// @throws UserException if the file is missing, of another format, truncated, or wrong in any
  ///   way
  public static GgufFile open(Path path) {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      Arena arena = Arena.ofShared();
      try {
        MemorySegment all = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
        return new GgufFile(path, arena, all, GgufHeader.parse(all, path.toString()));
      } catch (IOException | RuntimeException e) {
        arena.close();
        throw e;
      }
    } catch (NoSuchFileException e) {
      throw new UserException("File " + path + " does not exist.", e);
    } catch (IOException e) {
      throw new UserException("Cannot read " + path + ": " + e.getMessage() + ".", e);
    }
  }

  /// Whether this is a file that begins with the letters GGUF.
  ///
  /// @throws UserException if it cannot be read
  public static boolean isGguf(Path path) {
    if (!Files.isRegularFile(path)) {
      return false;
    }
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      ByteBuffer magic = ByteBuffer.allocate(4).order(java.nio.ByteOrder.LITTLE_ENDIAN);
      while (magic.hasRemaining() && channel.read(magic) >= 0) {}
      return !magic.hasRemaining() && magic.getInt(0) == GgufHeader.MAGIC;
    } catch (IOException e) {
      throw new UserException("Cannot read " + path + ": " + e.getMessage() + ".", e);
    }
  }

  public Path path() {
    return path;
  }

  /// Version of the format, 2 or 3.
  public int version() {
    return header.version();
  }

  /// Offsets of tensors are multiples of this many bytes.
  public int alignment() {
    return header.alignment();
  }

  /// All keys and values; views of the mapping, which end with `close()`.
  public GgufMetadata metadata() {
    return header.metadata();
  }

  /// All tensors by name, in the order of the header.
  public SequencedMap<String, GgufTensorInfo> tensors() {
    return Collections.unmodifiableSequencedMap(tensors);
  }

  /// The bytes of a tensor, a read-only view of the mapping; it ends with `close()`.
  ///
  /// @throws UserException if there is no tensor of this name
  public MemorySegment data(String name) {
    GgufHeader.@Nullable Placed placed = header.tensors().get(name);
    if (placed == null) {
      throw new UserException("File " + path + " has no tensor '" + name + "'.");
    }
    return data.asSlice(placed.offset(), placed.info().bytes());
  }

  /// Unmaps the file; everything handed out becomes unusable.
  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
