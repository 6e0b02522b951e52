package dev.fettle.quantize.ggml;

import static dev.fettle.quantize.ggml.Bytes.f16;
import static dev.fettle.quantize.ggml.Bytes.put8;
import static dev.fettle.quantize.ggml.Bytes.putF16;
import static dev.fettle.quantize.ggml.Bytes.u8;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// Q2_K and Q3_K, one block `x` of 256 at a time. Source: ggml, `quantize_row_q2_K_ref`,
/// `quantize_row_q2_K_impl` and the same for q3.
final class ScalarBlocksLow {
  private static final int N = 256;
  private static final int SUBS = 16;

  private ScalarBlocksLow() {}

  /// @param importance of the block's columns, or null for ggml's reference quantizer
  static void toQ2_K(float[] x, float @Nullable [] importance, MemorySegment y) {
    float[] scales = new float[SUBS];
    float[] mins = new float[SUBS];
    float[] sums = new float[SUBS];
    int[] codes = new int[N];
    float meanSquare = Importance.meanSquare(x);
    KSearch.Grid grid = importance == null ? KSearch.Grid.Q2_K : KSearch.Grid.weighted(3);
    KSearch.Fit fit = new KSearch.Fit();
    for (int j = 0; j < SUBS; j++) {
      if (importance == null) {
        weighByMagnitude(x, 16 * j, fit);
      } else {
        Importance.weigh(x, 16 * j, 16, importance, meanSquare, fit);
        sums[j] = Importance.sum(16, fit);
      }
      KSearch.affine(x, 16 * j, 16, grid, fit);
      scales[j] = fit.scale;
      mins[j] = fit.min;
      System.arraycopy(fit.codes, 0, codes, 16 * j, 16);
    }
    int[] s = new int[SUBS];
    int[] m = new int[SUBS];
    putF16(
        y, 80, importance == null ? byLargest(scales, s) : KRefine.positive(scales, sums, 15, s));
    putF16(y, 82, importance == null ? byLargest(mins, m) : KRefine.positive(mins, sums, 15, m));
    for (int j = 0; j < SUBS; j++) {
      put8(y, j, s[j] | (m[j] << 4));
    }
    for (int j = 0; j < SUBS; j++) {
      float scale = f16(y, 80) * (u8(y, j) & 15);
      float min = f16(y, 82) * (u8(y, j) >> 4);
      for (int i = 16 * j; scale != 0 && i < 16 * j + 16; i++) {
        codes[i] = Math.clamp(KSearch.round((x[i] + min) / scale), 0, 3);
      }
    }
    packPairs(codes, y, 16);
  }

  private static void weighByMagnitude(float[] x, int at, KSearch.Fit fit) {
    for (int i = 0; i < 16; i++) {
      fit.weights[i] = Math.abs(x[at + i]);
    }
  }

  /// Rounds the numbers to 4 bits of the largest, and returns the scale of the codes.
  private static float byLargest(float[] numbers, int[] codes) {
    float max = 0;
    for (float v : numbers) {
      max = Math.max(max, v);
    }
    if (max == 0) {
      return 0;
    }
    float iscale = 15 / max;
    for (int j = 0; j < SUBS; j++) {
      codes[j] = KSearch.round(iscale * numbers[j]);
    }
    return max / 15;
  }

  /// Four codes of two bits in a byte: those 32 apart.
  private static void packPairs(int[] codes, MemorySegment y, long at) {
    for (int half = 0; half < N; half += 128) {
      for (int l = half; l < half + 32; l++) {
        int four =
            (codes[l] & 3)
                | (codes[l + 32] & 3) << 2
                | (codes[l + 64] & 3) << 4
                | (codes[l + 96] & 3) << 6;
        put8(y, at + half / 4 + l - half, four);
      }
    }
  }

  static void fromQ2_K(MemorySegment y, float[] x) {
    for (int i = 0; i < N; i++) {
      float scale = f16(y, 80) * (u8(y, i / 16) & 15);
      float min = f16(y, 82) * (u8(y, i / 16) >> 4);
      x[i] = scale * pair(y, 16, i) - min;
    }
  }

  private static int pair(MemorySegment y, long at, int i) {
    return (u8(y, at + i / 128 * 32 + i % 32) >> (i / 32 % 4 * 2)) & 3;
  }

  /// @param importance of the block's columns, or null for ggml's reference quantizer
  static void toQ3_K(float[] x, float @Nullable [] importance, MemorySegment y) {
    float[] scales = new float[SUBS];
    float[] sums = new float[SUBS];
    int[] codes = new int[N];
    float meanSquare = 2 * Importance.meanSquare(x);
    KSearch.Fit fit = new KSearch.Fit();
    for (int j = 0; j < SUBS; j++) {
      if (importance == null) {
        KSearch.weighBySquare(x, 16 * j, 16, fit);
        KRefine.symmetric(x, 16 * j, 16, 4, fit);
      } else {
        Importance.weigh(x, 16 * j, 16, importance, meanSquare, fit);
        sums[j] = Importance.sum(16, fit);
        KSearch.symmetric(x, 16 * j, 16, 4, fit);
      }
      scales[j] = fit.scale;
      System.arraycopy(fit.codes, 0, codes, 16 * j, 16);
    }
    int[] s = new int[SUBS];
    putF16(y, 108, importance == null ? bySigned(scales, s) : byWeight(scales, sums, s));
    packScales(s, y);
    for (int j = 0; j < SUBS; j++) {
      float scale = f16(y, 108) * scale(y, j);
      for (int i = 16 * j; scale != 0 && i < 16 * j + 16; i++) {
        codes[i] = Math.clamp(KSearch.round(x[i] / scale), -4, 3) + 4;
      }
    }
    for (int l = 0; l < 32; l++) {
      int third = 0;
      for (int j = 0; j < 8; j++) {
        third |= (codes[32 * j + l] >> 2) << j;
      }
      put8(y, l, third);
    }
    packPairs(codes, y, 32);
  }

  /// Rounds the scales to 6 bits of the one of largest magnitude, 32 higher.
  private static float bySigned(float[] scales, int[] codes) {
    float largest = ScalarBlocks32.largest(scales);
    if (largest == 0) {
      return 0;
    }
    float iscale = -32 / largest;
    for (int j = 0; j < SUBS; j++) {
      codes[j] = Math.clamp(KSearch.round(iscale * scales[j]), -32, 31) + 32;
    }
    return 1 / iscale;
  }

  private static float byWeight(float[] scales, float[] sums, int[] codes) {
    KSearch.Fit fit = new KSearch.Fit();
    System.arraycopy(sums, 0, fit.weights, 0, SUBS);
    KSearch.symmetric(scales, 0, SUBS, 32, fit);
    System.arraycopy(fit.codes, 0, codes, 0, SUBS);
    return fit.scale;
  }

  /// Low four bits of the first eight scales low in bytes 96-103 and those of the others high; the
  /// upper two bits of scale j in byte 104 + j mod 4.
  private static void packScales(int[] s, MemorySegment y) {
    for (int j = 0; j < 8; j++) {
      put8(y, 96 + j, (s[j] & 15) | (s[j + 8] & 15) << 4);
    }
    for (int j = 0; j < 4; j++) {
      int upper = s[j] >> 4 | s[j + 4] >> 4 << 2 | s[j + 8] >> 4 << 4 | s[j + 12] >> 4 << 6;
      put8(y, 104 + j, upper);
    }
  }

  /// Scale `j` of a Q3_K block, from -32 to 31.
  static int scale(MemorySegment y, int j) {
    int low = j < 8 ? u8(y, 96 + j) & 15 : u8(y, 88 + j) >> 4;
    return (low | ((u8(y, 104 + j % 4) >> (j / 4 * 2)) & 3) << 4) - 32;
  }

  static void fromQ3_K(MemorySegment y, float[] x) {
    for (int i = 0; i < N; i++) {
      float scale = f16(y, 108) * scale(y, i / 16);
      int third = (u8(y, i % 32) >> (i / 32)) & 1;
      x[i] = scale * (pair(y, 32, i) - (1 - third) * 4);
    }
  }
}
