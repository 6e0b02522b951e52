package dev.fettle.quantize.ggml;

import static dev.fettle.quantize.ggml.Bytes.f16;
import static dev.fettle.quantize.ggml.Bytes.i8;
import static dev.fettle.quantize.ggml.Bytes.put8;
import static dev.fettle.quantize.ggml.Bytes.putF16;
import static dev.fettle.quantize.ggml.Bytes.u8;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// The formats with blocks of 256, one block `x` at a time. Source: ggml, `quantize_row_q…_K_ref`
/// and `quantize_row_q…_K_impl`.
final class ScalarBlocksK {
  private static final int N = 256;

  private ScalarBlocksK() {}

  /// @param importance of the block's columns, or null for ggml's reference quantizer
  static void toQ4_K(float[] x, float @Nullable [] importance, MemorySegment y) {
    int[] codes = new int[N];
    affine(x, importance, KSearch.Grid.Q4_K, y, codes);
    packQ4_K(codes, 0, y);
  }

  /// @param at where the block's codes begin
  static void packQ4_K(int[] codes, int at, MemorySegment y) {
    for (int half = 0; half < N; half += 64) {
      for (int l = 0; l < 32; l++) {
        put8(y, 16 + half / 2 + l, codes[at + half + l] | (codes[at + half + 32 + l] << 4));
      }
    }
  }

  static void toQ5_K(float[] x, float @Nullable [] importance, MemorySegment y) {
    int[] codes = new int[N];
    affine(x, importance, KSearch.Grid.Q5_K, y, codes);
    packQ5_K(codes, 0, y);
  }

  /// @param at where the block's codes begin
  static void packQ5_K(int[] codes, int at, MemorySegment y) {
    for (int l = 0; l < 32; l++) {
      int fifth = 0;
      for (int j = 0; j < 8; j++) {
        fifth |= (codes[at + 32 * j + l] >> 4) << j;
      }
      put8(y, 16 + l, fifth);
    }
    for (int half = 0; half < N; half += 64) {
      for (int l = 0; l < 32; l++) {
        put8(y, 48 + half / 2 + l, (codes[at + half + l] & 15) | (codes[at + half + 32 + l] << 4));
      }
    }
  }

  /// Writes d, dmin and the 6-bit scales, and finds the codes.
  private static void affine(
      float[] x, float @Nullable [] importance, KSearch.Grid grid, MemorySegment y, int[] codes) {
    if (importance == null) {
      fit(x, grid, y, codes);
    } else {
      fitWeighted(x, importance, grid.top(), y, codes);
    }
    float d = f16(y, 0);
    float dmin = f16(y, 2);
    for (int j = 0; j < 8; j++) {
      float scale = d * KScales.scale(y, 4, j);
      float min = dmin * KScales.min(y, 4, j);
      if (scale != 0) {
        for (int i = 32 * j; i < 32 * j + 32; i++) {
          codes[i] = Math.clamp(KSearch.round((x[i] + min) / scale), 0, grid.top());
        }
      }
    }
  }

  private static void fit(float[] x, KSearch.Grid grid, MemorySegment y, int[] codes) {
    float[] scales = new float[8];
    float[] mins = new float[8];
    KSearch.Fit fit = new KSearch.Fit();
    for (int j = 0; j < 8; j++) {
      KSearch.weighByMagnitude(x, 32 * j, 32, fit);
      KSearch.affine(x, 32 * j, 32, grid, fit);
      scales[j] = fit.scale;
      mins[j] = fit.min;
      System.arraycopy(fit.codes, 0, codes, 32 * j, 32);
    }
    storeAffine(scales, 0, mins, y);
  }

  private static void fitWeighted(
      float[] x, float[] importance, int top, MemorySegment y, int[] codes) {
    float[] scales = new float[8];
    float[] mins = new float[8];
    float[] sums = new float[8];
    float meanSquare = 2 * Importance.meanSquare(x);
    KSearch.Fit fit = new KSearch.Fit();
    for (int j = 0; j < 8; j++) {
      Importance.weigh(x, 32 * j, 32, importance, meanSquare, fit);
      sums[j] = Importance.sum(32, fit);
      KSearch.affine(x, 32 * j, 32, KSearch.Grid.weighted(top), fit);
      scales[j] = fit.scale;
      mins[j] = fit.min;
      System.arraycopy(fit.codes, 0, codes, 32 * j, 32);
    }
    int[] s = new int[8];
    int[] m = new int[8];
    putF16(y, 0, KRefine.positive(scales, sums, 63, s));
    putF16(y, 2, KRefine.positive(mins, sums, 63, m));
    KScales.pack(s, m, y, 4);
  }

  /// Rounds the eight scales and offsets from `at` on to 6 bits of the largest.
  static void storeAffine(float[] scales, int at, float[] mins, MemorySegment y) {
    float maxScale = 0;
    float maxMin = 0;
    for (int j = at; j < at + 8; j++) {
      maxScale = Math.max(maxScale, scales[j]);
      maxMin = Math.max(maxMin, mins[j]);
    }
    float perScale = maxScale > 0 ? 63 / maxScale : 0;
    float perMin = maxMin > 0 ? 63 / maxMin : 0;
    int[] s = new int[8];
    int[] m = new int[8];
    for (int j = 0; j < 8; j++) {
      s[j] = Math.min(63, KSearch.round(perScale * scales[at + j]));
      m[j] = Math.min(63, KSearch.round(perMin * mins[at + j]));
    }
    KScales.pack(s, m, y, 4);
    putF16(y, 0, maxScale / 63);
    putF16(y, 2, maxMin / 63);
  }

  static void toQ6_K(float[] x, float @Nullable [] importance, MemorySegment y) {
    float[] scales = new float[16];
    int[] codes = new int[N];
    KSearch.Fit fit = new KSearch.Fit();
    for (int j = 0; j < 16; j++) {
      if (importance == null) {
        KSearch.weighBySquare(x, 16 * j, 16, fit);
      } else {
        System.arraycopy(importance, 16 * j, fit.weights, 0, 16);
      }
      KSearch.symmetric(x, 16 * j, 16, 32, fit);
      scales[j] = fit.scale;
      System.arraycopy(fit.codes, 0, codes, 16 * j, 16);
    }
    if (!storeSymmetric(scales, y)) {
      return;
    }
    float d = f16(y, 208);
    for (int j = 0; j < 16; j++) {
      float scale = d * i8(y, 192 + j);
      if (scale != 0) {
        for (int i = 16 * j; i < 16 * j + 16; i++) {
          codes[i] = Math.clamp(KSearch.round(x[i] / scale), -32, 31) + 32;
        }
      }
    }
    packQ6_K(codes, y);
  }

  /// Writes d and the scales; a block of zeros is written whole, and then the result is false.
  static boolean storeSymmetric(float[] scales, MemorySegment y) {
    float largest = ScalarBlocks32.largest(scales);
    if (Math.abs(largest) < KSearch.LEAST) {
      y.fill((byte) 0);
      return false;
    }
    float iscale = -128 / largest;
    putF16(y, 208, 1 / iscale);
    for (int j = 0; j < 16; j++) {
      put8(y, 192 + j, Math.min(127, KSearch.round(iscale * scales[j])));
    }
    return true;
  }

  static void packQ6_K(int[] codes, MemorySegment y) {
    for (int half = 0; half < 2; half++) {
      int at = 128 * half;
      for (int l = 0; l < 32; l++) {
        int a = codes[at + l];
        int b = codes[at + l + 32];
        int c = codes[at + l + 64];
        int d = codes[at + l + 96];
        put8(y, 64 * half + l, (a & 15) | ((c & 15) << 4));
        put8(y, 64 * half + 32 + l, (b & 15) | ((d & 15) << 4));
        int high = (a >> 4) | ((b >> 4) << 2) | ((c >> 4) << 4) | ((d >> 4) << 6);
        put8(y, 128 + 32 * half + l, high);
      }
    }
  }

  static void fromQ4_K(MemorySegment y, float[] x) {
    for (int j = 0; j < 8; j++) {
      float scale = f16(y, 0) * KScales.scale(y, 4, j);
      float min = f16(y, 2) * KScales.min(y, 4, j);
      for (int l = 0; l < 32; l++) {
        int code = (u8(y, 16 + j / 2 * 32 + l) >> (4 * (j % 2))) & 15;
        x[32 * j + l] = scale * code - min;
      }
    }
  }

  static void fromQ5_K(MemorySegment y, float[] x) {
    for (int j = 0; j < 8; j++) {
      float scale = f16(y, 0) * KScales.scale(y, 4, j);
      float min = f16(y, 2) * KScales.min(y, 4, j);
      for (int l = 0; l < 32; l++) {
        int low = (u8(y, 48 + j / 2 * 32 + l) >> (4 * (j % 2))) & 15;
        int fifth = (u8(y, 16 + l) >> j) & 1;
        x[32 * j + l] = scale * (low | (fifth << 4)) - min;
      }
    }
  }

  static void fromQ6_K(MemorySegment y, float[] x) {
    float d = f16(y, 208);
    for (int i = 0; i < N; i++) {
      int half = i / 128;
      int quarter = i / 32 % 4;
      int l = i % 32;
      int low = (u8(y, 64 * half + 32 * (quarter % 2) + l) >> (4 * (quarter / 2))) & 15;
      int high = (u8(y, 128 + 32 * half + l) >> (2 * quarter)) & 3;
      float scale = d * i8(y, 192 + i / 16);
      x[i] = scale * ((low | (high << 4)) - 32);
    }
  }
}
