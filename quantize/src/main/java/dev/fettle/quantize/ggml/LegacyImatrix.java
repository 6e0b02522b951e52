package dev.fettle.quantize.ggml;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.TreeMap;

/// Importance matrices as llama.cpp wrote them until 2025, usually named `.dat`: the number of
/// entries; of each the length of its name and the name, by what to divide, how many numbers, and
/// those; at the end, if they are there, the number of chunks and the data set. Whole numbers have
/// 32 bits, all is little-endian. Source: llama.cpp, `common/imatrix-loader.cpp`.
final class LegacyImatrix {
  private final Path path;
  private final MemorySegment bytes;
  private long at;

  private LegacyImatrix(Path path, MemorySegment bytes) {
    this.path = path;
    this.bytes = bytes;
  }

  static Imatrix load(Path path) {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
        Arena arena = Arena.ofConfined()) {
      MemorySegment all = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      return new LegacyImatrix(path, all).read();
    } catch (NoSuchFileException e) {
      throw new UserException("File " + path + " does not exist.", e);
    } catch (IOException e) {
      throw new UserException("Cannot read " + path + ": " + e.getMessage() + ".", e);
    }
  }

  private Imatrix read() {
    int count = i32("the number of entries");
    if (count < 1) {
      throw malformed("it claims to have " + count + " entries");
    }
    TreeMap<String, Imatrix.Entry> entries = new TreeMap<>();
    for (int i = 0; i < count; i++) {
      String what = "entry " + (i + 1) + " of " + count;
      String name = text(i32(what), what);
      int divisor = i32(what);
      float[] sums = floats(i32(what), what);
      entries.put(name, new Imatrix.Entry(sums, new float[] {divisor > 0 ? divisor : 1}));
    }
    if (at == bytes.byteSize()) {
      return new Imatrix(path.toString(), List.of(), 0, 0, entries);
    }
    int chunks = i32("the number of chunks");
    boolean named = at < bytes.byteSize();
    List<String> datasets =
        named ? List.of(text(i32("the data set"), "the data set")) : List.<String>of();
    return new Imatrix(path.toString(), datasets, Math.max(0, chunks), 0, entries);
  }

  private int i32(String what) {
    long from = take(4, what);
    return bytes.get(ValueLayout.JAVA_INT_UNALIGNED, from);
  }

  private String text(int length, String what) {
    long from = take(length, what);
    byte[] utf8 = bytes.asSlice(from, length).toArray(ValueLayout.JAVA_BYTE);
    return new String(utf8, StandardCharsets.UTF_8);
  }

  private float[] floats(int count, String what) {
    long from = take(4L * count, what);
    return bytes.asSlice(from, 4L * count).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }

  /// The place of the next `count` bytes.
  private long take(long count, String what) {
    if (count < 0 || count > bytes.byteSize() - at) {
      throw malformed("%s needs %d bytes at %d of %d".formatted(what, count, at, bytes.byteSize()));
    }
    at += count;
    return at - count;
  }

  private UserException malformed(String why) {
    return new UserException(
        "File %s is no importance matrix: %s; collect one with 'fettle calibrate --imatrix'."
            .formatted(path, why));
  }
}
