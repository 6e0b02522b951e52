package dev.fettle.checkpoint;

import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// One safetensors file, mapped into memory and checked completely when it is opened.
public final class SafetensorsFile implements TensorSource {
  private static final int LENGTH_BYTES = 8;

  private final Path file;
  private final Arena arena;
  private final MemorySegment data;
  private final Map<String, SafetensorsHeader.Entry> entries = new LinkedHashMap<>();
  private final SequencedMap<String, TensorInfo> infos = new LinkedHashMap<>();
  private final Map<String, String> metadata;

  private SafetensorsFile(
      Path file, Arena arena, MemorySegment data, SafetensorsHeader.Parsed header) {
    this.file = file;
    this.arena = arena;
    this.data = data;
    this.metadata = header.metadata();
    for (SafetensorsHeader.Entry entry : header.entries()) {
      entries.put(entry.info().name(), entry);
      infos.put(entry.info().name(), entry.info());
    }
  }

  /// @throws UserException if the file is missing, truncated, or its header is wrong in any way
  public static SafetensorsFile open(Path file) {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      long size = channel.size();
      byte[] json = readHeader(channel, size, file);
      long dataStart = LENGTH_BYTES + json.length;
      SafetensorsHeader.Parsed header =
          SafetensorsHeader.parse(json, size - dataStart, file.toString());
      Arena arena = Arena.ofShared();
      try {
        MemorySegment all = channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
        return new SafetensorsFile(file, arena, all.asSlice(dataStart), header);
      } catch (IOException | RuntimeException e) {
        arena.close();
        throw e;
      }
    } catch (NoSuchFileException e) {
      throw new UserException("File " + file + " does not exist.", e);
    } catch (IOException e) {
      throw new UserException("Cannot read " + file + ": " + AtomicFiles.reason(e) + ".", e);
    }
  }

  private static byte[] readHeader(FileChannel channel, long size, Path file) throws IOException {
    if (size < LENGTH_BYTES) {
      throw new UserException(
          "File " + file + " has " + size + " bytes; a safetensors file has at least 8.");
    }
    ByteBuffer prefix = ByteBuffer.allocate(LENGTH_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    readFully(channel, prefix, file);
    long length = prefix.getLong(0);
    if (length < 0 || length > SafetensorsHeader.MAX_BYTES) {
      throw new UserException(
          "Header of %s claims %s bytes; the format allows at most %d."
              .formatted(file, Long.toUnsignedString(length), SafetensorsHeader.MAX_BYTES));
    }
    if (length > size - LENGTH_BYTES) {
      throw new UserException(
          "Header of %s claims %d bytes, but the file has only %d; it is truncated."
              .formatted(file, length, size));
    }
    ByteBuffer json = ByteBuffer.allocate(Math.toIntExact(length));
    readFully(channel, json, file);
    return json.array();
  }

  private static void readFully(FileChannel channel, ByteBuffer buffer, Path file)
      throws IOException {
    while (buffer.hasRemaining()) {
      if (channel.read(buffer) < 0) {
        throw new UserException("File " + file + " ended while its header was read.");
      }
    }
  }

  /// The texts under `__metadata__`; usually `format: pt`.
  public Map<String, String> metadata() {
    return metadata;
  }

  @Override
  public SequencedMap<String, TensorInfo> infos() {
    return Collections.unmodifiableSequencedMap(infos);
  }

  @Override
  public HostTensor tensor(String name) {
    SafetensorsHeader.@Nullable Entry entry = entries.get(name);
    if (entry == null) {
      throw new UserException("File " + file + " has no tensor '" + name + "'.");
    }
    TensorInfo info = entry.info();
    return new HostTensor(
        info.dtype(), info.shape(), data.asSlice(entry.begin(), entry.end() - entry.begin()));
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
