package dev.fettle.quantize.compressedtensors;

import static dev.fettle.tensor.HostTensor.I32_LAYOUT;

import dev.fettle.quantize.kernel.ScalarAffineKernels;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Codes in 32-bit words as compressed-tensors 0.17 packs them: `⌊32 / bits⌋` codes in each, least
/// significant first, the bits left over clear. For 2, 4 and 8 bits that is the dense stream of
/// [dev.fettle.quantize.AffineTensor].
final class WordPacking {
  private WordPacking() {}

  static long words(long codes, int bits) {
    int perWord = 32 / bits;
    return (codes + perWord - 1) / perWord;
  }

  /// Whether a row of codes has the same bytes in words and as a stream.
  static boolean isDense(int bits) {
    return 32 % bits == 0;
  }

  /// @param stream one row, see [ScalarAffineKernels]
  /// @param words receives `words(count, bits)` words
  static void toWords(MemorySegment stream, int bits, int count, MemorySegment words) {
    int perWord = 32 / bits;
    for (int i = 0; i < count; i += perWord) {
      int word = 0;
      for (int k = 0; k < Math.min(perWord, count - i); k++) {
        word |= unsigned(ScalarAffineKernels.read(stream, bits, i + k), bits) << (k * bits);
      }
      words.set(I32_LAYOUT, 4L * (i / perWord), word);
    }
  }

  /// The inverse; `stream` is clear at first.
  static void toStream(MemorySegment words, int bits, int count, MemorySegment stream) {
    int perWord = 32 / bits;
    int mask = (1 << bits) - 1;
    for (int i = 0; i < count; i++) {
      int word = words.get(I32_LAYOUT, 4L * (i / perWord));
      int code = word >>> (i % perWord * bits) & mask;
      ScalarAffineKernels.write(stream, bits, i, bits == 8 ? code - 128 : code);
    }
  }

  /// Codes of fewer than 8 bits that are stored one per byte, with their sign.
  static void fromBytes(MemorySegment bytes, int bits, int count, MemorySegment stream) {
    int offset = 1 << (bits - 1);
    int mask = (1 << bits) - 1;
    for (int i = 0; i < count; i++) {
      int code = bytes.get(ValueLayout.JAVA_BYTE, i) + offset & mask;
      ScalarAffineKernels.write(stream, bits, i, code);
    }
  }

  /// 8-bit codes carry a sign in a stream and none in words.
  private static int unsigned(int code, int bits) {
    return bits == 8 ? code + 128 : code;
  }

  /// Zero points, packed along the rows: word row k of a column holds the rows from `k · ⌊32/bits⌋`
  /// on.
  ///
  /// @param zeros I8 `[rows, columns]`
  /// @param words receives I32 `[words(rows, bits), columns]`
  static void packRows(MemorySegment zeros, int bits, int rows, int columns, MemorySegment words) {
    int perWord = 32 / bits;
    int offset = 1 << (bits - 1);
    words.fill((byte) 0);
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        int code = zeros.get(ValueLayout.JAVA_BYTE, (long) row * columns + column) + offset;
        long at = 4L * ((long) (row / perWord) * columns + column);
        words.set(I32_LAYOUT, at, words.get(I32_LAYOUT, at) | code << (row % perWord * bits));
      }
    }
  }

  /// The inverse of [#packRows].
  static void unpackRows(
      MemorySegment words, int bits, int rows, int columns, MemorySegment zeros) {
    int perWord = 32 / bits;
    int offset = 1 << (bits - 1);
    int mask = (1 << bits) - 1;
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        int word = words.get(I32_LAYOUT, 4L * ((long) (row / perWord) * columns + column));
        int code = word >>> (row % perWord * bits) & mask;
        zeros.set(ValueLayout.JAVA_BYTE, (long) row * columns + column, (byte) (code - offset));
      }
    }
  }
}
