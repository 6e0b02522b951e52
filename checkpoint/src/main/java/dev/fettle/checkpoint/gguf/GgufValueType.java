package dev.fettle.checkpoint.gguf;

import org.jspecify.annotations.Nullable;

/// The types of metadata values. Source: ggml, `docs/gguf.md`.
public enum GgufValueType {
  U8(0, 1),
  I8(1, 1),
  U16(2, 2),
  I16(3, 2),
  U32(4, 4),
  I32(5, 4),
  F32(6, 4),
  BOOL(7, 1),
  STRING(8, 0),
  ARRAY(9, 0),
  U64(10, 8),
  I64(11, 8),
  F64(12, 8);

  private final int id;
  private final int bytes;

  GgufValueType(int id, int bytes) {
    this.id = id;
    this.bytes = bytes;
  }

  /// The number of the type in a file.
  public int id() {
    return id;
  }

  /// Size of one value in bytes; 0 for strings and arrays, whose length varies.
  public int bytes() {
    return bytes;
  }

  /// Whole numbers, signed or not.
  public boolean isWhole() {
    return switch (this) {
      case U8, I8, U16, I16, U32, I32, U64, I64 -> true;
      case F32, BOOL, STRING, ARRAY, F64 -> false;
    };
  }

  /// The type with this number, or null.
  static @Nullable GgufValueType of(int id) {
    for (GgufValueType type : values()) {
      if (type.id == id) {
        return type;
      }
    }
    return null;
  }
}
