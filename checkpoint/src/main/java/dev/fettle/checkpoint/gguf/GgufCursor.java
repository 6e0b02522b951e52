package dev.fettle.checkpoint.gguf;

import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/// Reads the header of a file from front to back; whatever would reach beyond the end is a message
/// instead.
final class GgufCursor {
  /// Of all names and single strings together, which are copied; arrays of strings are not.
  private static final long MAX_TEXT_BYTES = 1 << 26;

  private final MemorySegment file;
  private final String source;
  private long at;
  private long textBytes;

  GgufCursor(MemorySegment file, String source) {
    this.file = file;
    this.source = source;
  }

  /// Bytes read so far.
  long at() {
    return at;
  }

  long remaining() {
    return file.byteSize() - at;
  }

  /// @param what what is read, for the message
  /// @return the place of the bytes
  private long take(long bytes, String what) {
    if (bytes < 0 || bytes > remaining()) {
      throw new UserException(
          "File %s ends too early: %s at byte %d takes %s bytes, but %d are left; it is truncated or damaged."
              .formatted(source, what, at, Long.toUnsignedString(bytes), remaining()));
    }
    long start = at;
    at += bytes;
    return start;
  }

  int u8(String what) {
    return file.get(ValueLayout.JAVA_BYTE, take(1, what)) & 0xFF;
  }

  int i32(String what) {
    return file.get(HostTensor.I32_LAYOUT, take(4, what));
  }

  long i64(String what) {
    return file.get(HostTensor.I64_LAYOUT, take(8, what));
  }

  /// How many things follow; each takes at least `least` bytes, so that a wrong number is noticed
  /// before anything is allocated for it.
  long count(long least, String what) {
    long start = at;
    long count = i64("the number of " + what);
    if (count < 0 || count > remaining() / least) {
      throw new UserException(
          "File %s claims %s %s at byte %d, but only %d bytes are left; it is truncated or damaged."
              .formatted(source, Long.toUnsignedString(count), what, start, remaining()));
    }
    return count;
  }

  MemorySegment bytes(long count, String what) {
    return file.asSlice(take(count, what), count);
  }

  /// A string that must be valid UTF-8 and short: a key or a name.
  String name(int most, String what) {
    long start = at;
    long length = i64(what);
    if (length < 0 || length > most) {
      throw new UserException(
          "File %s has %s of %s bytes at byte %d; at most %d are allowed."
              .formatted(source, what, Long.toUnsignedString(length), start, most));
    }
    MemorySegment bytes = bytes(length, what);
    spend(length);
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(bytes.toArray(ValueLayout.JAVA_BYTE)))
          .toString();
    } catch (CharacterCodingException e) {
      throw new UserException(
          "File %s has %s at byte %d that is not UTF-8 text; it is damaged."
              .formatted(source, what, start),
          e);
    }
  }

  /// A single string; bytes that are not UTF-8 become U+FFFD.
  String text(String what) {
    MemorySegment bytes = string(what);
    spend(bytes.byteSize());
    return GgufStrings.decode(bytes);
  }

  private void spend(long bytes) {
    textBytes += bytes;
    if (textBytes > MAX_TEXT_BYTES) {
      throw new UserException(
          "File %s has more than %d bytes of names and texts in its metadata."
              .formatted(source, MAX_TEXT_BYTES));
    }
  }

  /// The bytes of a string of any length.
  MemorySegment string(String what) {
    long length = i64(what);
    return bytes(length, what);
  }

  /// Everything not read yet.
  MemorySegment rest() {
    return file.asSlice(at);
  }

  /// Goes on at the next multiple of `alignment`, or at the end of the file.
  void align(long alignment) {
    long padding = (alignment - at % alignment) % alignment;
    at += Math.min(padding, remaining());
  }
}
