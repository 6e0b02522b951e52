package dev.fettle.quantize.ggml;

import static dev.fettle.quantize.ggml.Bytes.f16;
import static dev.fettle.quantize.ggml.Bytes.put8;
import static dev.fettle.quantize.ggml.Bytes.putF16;
import static dev.fettle.quantize.ggml.Bytes.u8;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The formats whose 4-bit codes are places in a table of numbers, one block `x` at a time. Source:
/// ggml, `quantize_row_iq4_nl_impl` and `quantize_row_mxfp4_ref`.
final class ScalarBlocksTable {
  /// The numbers of IQ4_NL and IQ4_XS.
  static final int[] IQ4 = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
  };

  /// Per whole number from -128 to 127: how many midpoints between numbers are not above it, and
  /// the midpoint between it and the next whole number, if there is one. A value on a midpoint
  /// belongs to the higher number.
  private static final int[] BELOW = new int[256];

  private static final float[] MIDPOINT = new float[256];

  /// Twice the magnitudes of E2M1; the fourth bit of a code is the sign.
  static final int[] E2M1_TWICE = {0, 1, 2, 3, 4, 6, 8, 12};

  /// Candidates before and after the first guess.
  private static final int TRIES = 7;

  static {
    Arrays.fill(MIDPOINT, Float.POSITIVE_INFINITY);
    for (int i = 0; i < 15; i++) {
      float midpoint = (IQ4[i] + IQ4[i + 1]) / 2f;
      int above = (int) Math.ceil(midpoint) + 128;
      MIDPOINT[above - 1] = midpoint;
      for (int cell = above; cell < 256; cell++) {
        BELOW[cell]++;
      }
    }
  }

  private ScalarBlocksTable() {}

  /// The code of the number nearest to `x`.
  private static int nearest(float x) {
    int cell = Math.clamp((int) Math.floor(x), -128, 127) + 128;
    return BELOW[cell] + (x >= MIDPOINT[cell] ? 1 : 0);
  }

  /// The scale of least weighted squared error for the 32 numbers from `at` on.
  private static float search(float[] x, int at, KSearch.Fit fit) {
    float largest = 0;
    for (int i = at; i < at + 32; i++) {
      if (Math.abs(x[i]) > Math.abs(largest)) {
        largest = x[i];
      }
    }
    if (Math.abs(largest) < KSearch.LEAST) {
      return 0;
    }
    float scale = 0;
    float best = 0;
    for (int step = -TRIES - 1; step <= TRIES; step++) {
      boolean first = step < -TRIES;
      float iscale = first ? 1 / (-largest / IQ4[0]) : (step + IQ4[0]) / largest;
      float sumXq = 0;
      float sumQ2 = 0;
      for (int i = 0; i < 32; i++) {
        float q = IQ4[nearest(iscale * x[at + i])];
        sumXq += fit.weights[i] * q * x[at + i];
        sumQ2 += fit.weights[i] * q * q;
      }
      if (sumQ2 > 0 && (first || sumXq * sumXq > best * sumQ2)) {
        scale = sumXq / sumQ2;
        best = scale * sumXq;
      }
    }
    return scale;
  }

  private static void weigh(
      float[] x, int at, float @Nullable [] importance, float meanSquare, KSearch.Fit fit) {
    if (importance == null) {
      KSearch.weighBySquare(x, at, 32, fit);
    } else {
      Importance.weigh(x, at, 32, importance, meanSquare, fit);
    }
  }

  /// @param importance of the block's columns, or null: then a weight counts by its square
  static void toIq4Nl(float[] x, float @Nullable [] importance, MemorySegment y) {
    KSearch.Fit fit = new KSearch.Fit();
    weigh(x, 0, importance, 2 * Importance.meanSquare(x), fit);
    float scale = search(x, 0, fit);
    putF16(y, 0, scale);
    packIq4(x, 0, ScalarBlocks32.reciprocal(scale), y, 2);
  }

  /// @param importance of the block's columns, or null: then a weight counts by its square
  static void toIq4Xs(float[] x, float @Nullable [] importance, MemorySegment y) {
    KSearch.Fit fit = new KSearch.Fit();
    float meanSquare = 2 * Importance.meanSquare(x);
    float[] scales = new float[8];
    for (int j = 0; j < 8; j++) {
      weigh(x, 32 * j, importance, meanSquare, fit);
      scales[j] = search(x, 32 * j, fit);
    }
    float d = -ScalarBlocks32.largest(scales) / 32;
    putF16(y, 0, d);
    float id = ScalarBlocks32.reciprocal(d);
    int high = 0;
    int[] s = new int[8];
    for (int j = 0; j < 8; j++) {
      s[j] = Math.clamp(KSearch.round(id * scales[j]), -32, 31);
      packIq4(x, 32 * j, ScalarBlocks32.reciprocal(d * s[j]), y, 8 + 16L * j);
      high |= (s[j] + 32) >> 4 << (2 * j);
    }
    put8(y, 2, high);
    put8(y, 3, high >> 8);
    for (int j = 0; j < 4; j++) {
      put8(y, 4 + j, (s[2 * j] + 32) & 15 | ((s[2 * j + 1] + 32) & 15) << 4);
    }
  }

  private static void packIq4(float[] x, int from, float iscale, MemorySegment y, long at) {
    for (int j = 0; j < 16; j++) {
      int low = nearest(iscale * x[from + j]);
      int high = nearest(iscale * x[from + j + 16]);
      put8(y, at + j, low | high << 4);
    }
  }

  static void fromIq4Nl(MemorySegment y, float[] x) {
    unpackIq4(y, 2, f16(y, 0), x, 0);
  }

  static void fromIq4Xs(MemorySegment y, float[] x) {
    for (int j = 0; j < 8; j++) {
      unpackIq4(y, 8 + 16L * j, f16(y, 0) * scale(y, j), x, 32 * j);
    }
  }

  /// Scale `j` of an IQ4_XS block, from -32 to 31.
  static int scale(MemorySegment y, int j) {
    int low = u8(y, 4 + j / 2) >> (4 * (j % 2)) & 15;
    int high = u8(y, 2 + j / 4) >> (2 * (j % 4)) & 3;
    return (low | high << 4) - 32;
  }

  private static void unpackIq4(MemorySegment y, long at, float scale, float[] x, int from) {
    for (int j = 0; j < 16; j++) {
      int pair = u8(y, at + j);
      x[from + j] = scale * IQ4[pair & 15];
      x[from + j + 16] = scale * IQ4[pair >> 4];
    }
  }

  static void toMxfp4(float[] x, MemorySegment y) {
    float amax = Math.abs(ScalarBlocks32.largest(x));
    int exponent = exponent(amax);
    float half = halfScale(exponent);
    put8(y, 0, exponent);
    for (int j = 0; j < 16; j++) {
      put8(y, 1 + j, e2m1(x[j], half) | e2m1(x[j + 16], half) << 4);
    }
  }

  /// The stored exponent for a block's largest magnitude: of its logarithm rounded to float32, as
  /// in ggml, which is the next power of two for numbers just below it. Below 2^-125 it stays 0.
  static int exponent(float amax) {
    float log2 = (float) (Math.log(amax) / Math.log(2));
    return amax > 0 ? Math.max(0, (int) Math.floor(log2) - 2 + 127) : 0;
  }

  /// Half of 2^(exponent - 127): codes are stored as twice their number.
  static float halfScale(int exponent) {
    return Float.intBitsToFloat(exponent < 2 ? 0x200000 << exponent : (exponent - 1) << 23);
  }

  private static int e2m1(float x, float half) {
    float magnitude = Math.abs(x);
    int code = 0;
    float least = magnitude;
    for (int i = 1; i < 8; i++) {
      float error = Math.abs(E2M1_TWICE[i] * half - magnitude);
      if (error < least) {
        code = i;
        least = error;
      }
    }
    return x < 0 && code > 0 ? code | 8 : code;
  }

  static void fromMxfp4(MemorySegment y, float[] x) {
    float half = halfScale(u8(y, 0));
    for (int j = 0; j < 16; j++) {
      int pair = u8(y, 1 + j);
      x[j] = e2m1Twice(pair & 15) * half;
      x[j + 16] = e2m1Twice(pair >> 4) * half;
    }
  }

  private static int e2m1Twice(int code) {
    return code < 8 ? E2M1_TWICE[code] : -E2M1_TWICE[code & 7];
  }
}
