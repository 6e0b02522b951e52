package dev.fettle.checkpoint.gguf;

import dev.fettle.tensor.UserException;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// Reads the values of the metadata as views of the file.
final class GgufValueReader {
  private final GgufCursor cursor;
  private final String source;

  GgufValueReader(GgufCursor cursor, String source) {
    this.cursor = cursor;
    this.source = source;
  }

  /// @param key for messages
  GgufValue read(String key) {
    String what = "the value of key '" + key + "'";
    GgufValueType type = type(cursor.i32(what), key);
    return switch (type) {
      case U8, I8, U16, I16, U32, I32, U64, I64 ->
          new GgufValue.Whole(type, GgufNumbers.wholeAt(type, cursor.bytes(type.bytes(), what), 0));
      case F32, F64 ->
          new GgufValue.Real(type, GgufNumbers.realAt(type, cursor.bytes(type.bytes(), what), 0));
      case BOOL -> new GgufValue.Bool(bool(cursor.u8(what), key));
      case STRING -> new GgufValue.Text(cursor.text(what));
      case ARRAY -> array(key, what);
    };
  }

  private GgufValueType type(int id, String key) {
    @Nullable GgufValueType type = GgufValueType.of(id);
    if (type == null) {
      throw new UserException(
          "Key '%s' in %s has a value of unknown type %s; the file is damaged or newer than this program."
              .formatted(key, source, Integer.toUnsignedString(id)));
    }
    return type;
  }

  private boolean bool(int value, String key) {
    if (value > 1) {
      throw new UserException(
          "Key '%s' in %s should be true (1) or false (0), found %d."
              .formatted(key, source, value));
    }
    return value == 1;
  }

  private GgufValue array(String key, String what) {
    GgufValueType type = type(cursor.i32(what), key);
    return switch (type) {
      case U8, I8, U16, I16, U32, I32, F32, BOOL, U64, I64, F64 -> {
        long count = cursor.count(type.bytes(), "elements of key '" + key + "'");
        yield new GgufValue.Numbers(type, cursor.bytes(count * type.bytes(), what));
      }
      case STRING -> strings(key, what);
      case ARRAY ->
          throw new UserException(
              "Key '%s' in %s is an array of arrays, which llama.cpp does not read either."
                  .formatted(key, source));
    };
  }

  private GgufValue strings(String key, String what) {
    long count = cursor.count(8, "strings of key '" + key + "'");
    if (count > Integer.MAX_VALUE - 8) {
      throw new UserException(
          "Key '%s' in %s has %d strings; at most 2^31 are supported."
              .formatted(key, source, count));
    }
    MemorySegment rest = cursor.rest();
    long begin = cursor.at();
    long[] starts = new long[(int) count];
    for (int i = 0; i < count; i++) {
      starts[i] = cursor.at() - begin;
      cursor.string(what);
    }
    return new GgufValue.Texts(new GgufStrings(rest, starts));
  }
}
