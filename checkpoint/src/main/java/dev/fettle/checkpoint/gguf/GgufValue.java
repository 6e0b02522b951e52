package dev.fettle.checkpoint.gguf;

import java.lang.foreign.MemorySegment;
import java.util.List;

/// One value of a file's metadata. What was read from a file may be a view of it and ends with it.
public sealed interface GgufValue {
  GgufValueType type();

  /// A whole number.
  ///
  /// @param type one of the whole types
  /// @param value the number; for U64 its 64 bits
  record Whole(GgufValueType type, long value) implements GgufValue {
    public Whole {
      long limit = type.bytes() == 8 ? 0 : 1L << (8 * type.bytes() - 1);
      boolean fits =
          switch (type) {
            case U8, U16, U32 -> value >= 0 && value < 2 * limit;
            case I8, I16, I32 -> value >= -limit && value < limit;
            case U64, I64 -> true;
            case F32, BOOL, STRING, ARRAY, F64 -> false;
          };
      if (!fits) {
        throw new IllegalArgumentException(value + " as " + type);
      }
    }

    @Override
    public String toString() {
      return type == GgufValueType.U64 ? Long.toUnsignedString(value) : Long.toString(value);
    }
  }

  /// A floating-point number.
  ///
  /// @param type F32 or F64
  /// @param value a float32 number if the type is F32
  record Real(GgufValueType type, double value) implements GgufValue {
    public Real {
      if (type != GgufValueType.F64 && (type != GgufValueType.F32 || isFiner(value))) {
        throw new IllegalArgumentException(value + " as " + type);
      }
    }

    private static boolean isFiner(double value) {
      return !Double.isNaN(value) && (float) value != value;
    }

    @Override
    public String toString() {
      return type == GgufValueType.F32 ? Float.toString((float) value) : Double.toString(value);
    }
  }

  record Bool(boolean value) implements GgufValue {
    @Override
    public GgufValueType type() {
      return GgufValueType.BOOL;
    }

    @Override
    public String toString() {
      return Boolean.toString(value);
    }
  }

  record Text(String value) implements GgufValue {
    @Override
    public GgufValueType type() {
      return GgufValueType.STRING;
    }

    @Override
    public String toString() {
      return value;
    }
  }

  /// An array of strings.
  record Texts(List<String> values) implements GgufValue {
    @Override
    public GgufValueType type() {
      return GgufValueType.ARRAY;
    }

    @Override
    public String toString() {
      return values.size() + " strings";
    }
  }

  /// An array of numbers or booleans, as they lie in the file: little-endian, without gaps.
  ///
  /// @param elementType a type of fixed size
  /// @param data `size() * elementType.bytes()` bytes
  record Numbers(GgufValueType elementType, MemorySegment data) implements GgufValue {
    public Numbers {
      if (elementType.bytes() == 0 || data.byteSize() % elementType.bytes() != 0) {
        throw new IllegalArgumentException(data.byteSize() + " bytes of " + elementType);
      }
    }

    @Override
    public GgufValueType type() {
      return GgufValueType.ARRAY;
    }

    public int size() {
      return Math.toIntExact(data.byteSize() / elementType.bytes());
    }

    /// Element `index` as a whole number; booleans are 0 and 1.
    ///
    /// @throws IllegalStateException for floating-point elements
    public long longAt(int index) {
      return GgufNumbers.wholeAt(elementType, data, (long) index * elementType.bytes());
    }

    /// Element `index` as a number.
    public double doubleAt(int index) {
      long at = (long) index * elementType.bytes();
      return switch (elementType) {
        case F32, F64 -> GgufNumbers.realAt(elementType, data, at);
        case U8, I8, U16, I16, U32, I32, U64, I64, BOOL, STRING, ARRAY -> longAt(index);
      };
    }

    @Override
    public String toString() {
      return size() + " numbers";
    }
  }

  static Text of(String value) {
    return new Text(value);
  }

  static Bool of(boolean value) {
    return new Bool(value);
  }

  /// An unsigned 32-bit number, which most sizes in metadata are.
  static Whole u32(long value) {
    return new Whole(GgufValueType.U32, value);
  }

  static Real f32(double value) {
    return new Real(GgufValueType.F32, (float) value);
  }

  /// An array of strings.
  static Texts texts(List<String> values) {
    return new Texts(List.copyOf(values));
  }

  /// An array of float32 numbers.
  static Numbers floats(float... values) {
    return GgufNumbers.floats(values);
  }

  /// An array of signed 32-bit numbers.
  static Numbers ints(int... values) {
    return GgufNumbers.ints(values);
  }
}
