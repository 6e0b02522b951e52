package dev.fettle.checkpoint.gguf;

import dev.fettle.tensor.HostTensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.AbstractList;
import java.util.RandomAccess;

/// An array of strings in a mapped file. A string is made each time it is asked for, so a file with
/// very many of them costs 8 bytes each, which is what their lengths take in the file.
final class GgufStrings extends AbstractList<String> implements RandomAccess {
  private final MemorySegment data;
  private final long[] starts;

  /// @param data the strings as in the file: 8 bytes of length before each
  /// @param starts where each string's length is
  GgufStrings(MemorySegment data, long[] starts) {
    this.data = data;
    this.starts = starts;
  }

  @Override
  public String get(int index) {
    long at = starts[index];
    return decode(data.asSlice(at + 8, data.get(HostTensor.I64_LAYOUT, at)));
  }

  @Override
  public int size() {
    return starts.length;
  }

  /// Bytes that are not UTF-8 become U+FFFD, as vocabularies may hold parts of characters.
  static String decode(MemorySegment bytes) {
    return new String(bytes.toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
  }
}
