package dev.fettle.quantize.ggml;

import static dev.fettle.quantize.ggml.Bytes.put8;
import static dev.fettle.quantize.ggml.Bytes.putF16;
import static dev.fettle.quantize.ggml.Bytes.putI32;

import java.lang.foreign.MemorySegment;

/// The formats with blocks of 32 and linear codes, when weights have an importance: the scale is
/// searched as in the K formats. Source: ggml, `quantize_row_q4_0_impl` and its siblings.
final class WeightedBlocks32 {
  private static final int N = 32;

  private WeightedBlocks32() {}

  /// @param x the block's weights
  /// @param importance of the block's columns
  /// @param meanSquare of the whole row
  static void toQ4_0(float[] x, float[] importance, float meanSquare, MemorySegment y) {
    KSearch.Fit fit = symmetric(x, importance, meanSquare, 8, y);
    packPairs(fit.codes, y, 2);
  }

  static void toQ5_0(float[] x, float[] importance, float meanSquare, MemorySegment y) {
    KSearch.Fit fit = symmetric(x, importance, meanSquare, 16, y);
    putI32(y, 2, fifth(fit.codes));
    packPairs(fit.codes, y, 6);
  }

  private static KSearch.Fit symmetric(
      float[] x, float[] importance, float meanSquare, int top, MemorySegment y) {
    KSearch.Fit fit = new KSearch.Fit();
    Importance.weigh(x, 0, N, importance, meanSquare, fit);
    KSearch.symmetric(x, 0, N, top, fit);
    putF16(y, 0, fit.scale);
    return fit;
  }

  static void toQ4_1(float[] x, float[] importance, float meanSquare, MemorySegment y) {
    KSearch.Fit fit = affine(x, importance, meanSquare, 15, y);
    packPairs(fit.codes, y, 4);
  }

  static void toQ5_1(float[] x, float[] importance, float meanSquare, MemorySegment y) {
    KSearch.Fit fit = affine(x, importance, meanSquare, 31, y);
    putI32(y, 4, fifth(fit.codes));
    packPairs(fit.codes, y, 8);
  }

  private static KSearch.Fit affine(
      float[] x, float[] importance, float meanSquare, int top, MemorySegment y) {
    KSearch.Fit fit = new KSearch.Fit();
    Importance.weigh(x, 0, N, importance, meanSquare, fit);
    KSearch.affine(x, 0, N, KSearch.Grid.weighted(top), fit);
    putF16(y, 0, fit.scale);
    putF16(y, 2, -fit.min);
    return fit;
  }

  private static void packPairs(int[] codes, MemorySegment y, long at) {
    for (int j = 0; j < N / 2; j++) {
      put8(y, at + j, (codes[j] & 15) | codes[j + N / 2] << 4);
    }
  }

  private static int fifth(int[] codes) {
    int bits = 0;
    for (int j = 0; j < N; j++) {
      bits |= codes[j] >> 4 << j;
    }
    return bits;
  }
}
