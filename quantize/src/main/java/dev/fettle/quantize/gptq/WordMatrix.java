package dev.fettle.quantize.gptq;

import static dev.fettle.tensor.HostTensor.I32_LAYOUT;

import dev.fettle.tensor.Parallel;
import java.lang.foreign.MemorySegment;

/// Matrices of 32-bit words, transposed. GPTQ packs the codes of an output channel into a column of
/// words where [dev.fettle.quantize.AffineTensor] has a row; the words are the same, 3-bit codes
/// that span two of them included.
public final class WordMatrix {
  /// Words of a row or column handled together: a cache line of each fits the first-level cache.
  private static final int TILE = 16;

  /// Words of one thread at a time.
  private static final long GRAIN = 1 << 16;

  /// Turns a stored sign of 8-bit codes on or off: GPTQ has none, `AffineTensor` has one.
  public static final int SIGN_OF_BYTES = 0x80808080;

  private WordMatrix() {}

  /// Changes the sign of stored codes where both sides disagree about it.
  public static int flip(int bits) {
    return bits == 8 ? SIGN_OF_BYTES : 0;
  }

  /// `out[c, r] = in[r, c] ^ flip`
  ///
  /// @param in `rows · columns` words
  /// @param out as many; accessible from any thread
  public static void transpose(
      MemorySegment in, long rows, long columns, int flip, MemorySegment out) {
    long strips = (columns + TILE - 1) / TILE;
    Parallel.forRange(
        strips,
        Math.max(1, GRAIN / Math.max(1, rows * TILE)),
        (from, to) -> {
          for (long strip = from; strip < to; strip++) {
            for (long row = 0; row < rows; row += TILE) {
              tile(in, rows, columns, row, strip * TILE, flip, out);
            }
          }
        });
  }

  private static void tile(
      MemorySegment in,
      long rows,
      long columns,
      long row,
      long column,
      int flip,
      MemorySegment out) {
    int height = (int) Math.min(TILE, rows - row);
    int width = (int) Math.min(TILE, columns - column);
    for (int r = 0; r < height; r++) {
      long source = 4 * ((row + r) * columns + column);
      for (int c = 0; c < width; c++) {
        int word = in.get(I32_LAYOUT, source + 4L * c);
        out.set(I32_LAYOUT, 4 * ((column + c) * rows + row + r), word ^ flip);
      }
    }
  }
}
