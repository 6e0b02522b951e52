package dev.fettle.quantize.ggml;

import java.util.Arrays;

/// How the K formats choose the scale of a sub-block: several candidate scales, for each the codes
/// by rounding, then the scale (and offset) of least weighted squared error for those codes; the
/// best candidate wins. In the affine fit, candidates start from the best offset so far. Sums run
/// in float32 from the first weight to the last, as in ggml's `make_qkx2_quants` and
/// `make_qx_quants`, whose bytes depend on it.
///
/// The codes of the search only matter where the stored scale rounds to zero: all others are chosen
/// again with the scale as stored.
final class KSearch {
  /// Sub-blocks whose largest magnitude is below this get the scale zero.
  static final float LEAST = 1e-15f;

  /// @param top the largest code; the smallest is 0
  /// @param first what is added to `top` for the first candidate
  /// @param steps candidates after the first, each 0.1 further
  record Grid(int top, float first, int steps) {
    static final Grid Q4_K = new Grid(15, -1, 20);
    static final Grid Q5_K = new Grid(31, -0.5f, 15);

    /// `(first + 0.1·step + top)` in float32; times 1 / (max - min) it is a candidate.
    float numerator(int step) {
      return first + 0.1f * step + top;
    }
  }

  /// Scale and offset (minus the smallest value) of the weights, and their codes.
  static final class Fit {
    float scale;
    float min;
    final int[] codes = new int[32];
    private final int[] candidate = new int[32];
    private final float[] weights = new float[32];
  }

  private KSearch() {}

  /// Rounds to nearest even.
  static int round(float x) {
    return (int) Math.rint(x);
  }

  /// Fits `scale·q - min` with min ≥ 0 to the 32 numbers from `at` on, each weighted by the root
  /// mean square of all plus its own magnitude.
  static void affine(float[] x, int at, Grid grid, Fit fit) {
    int n = 32;
    float squares = 0;
    for (int i = 0; i < n; i++) {
      squares += x[at + i] * x[at + i];
    }
    float rms = (float) Math.sqrt(squares / n);
    float[] weights = fit.weights;
    float min = x[at];
    float max = x[at];
    float sumW = 0;
    float sumX = 0;
    for (int i = 0; i < n; i++) {
      float v = x[at + i];
      weights[i] = rms + Math.abs(v);
      min = Math.min(min, v);
      max = Math.max(max, v);
      sumW += weights[i];
      sumX += weights[i] * v;
    }
    min = Math.min(min, 0);
    fit.scale = 0;
    fit.min = -min;
    if (max == min) {
      Arrays.fill(fit.codes, 0);
      return;
    }
    float bestError = firstGuess(x, at, grid.top(), min, max, fit);
    for (int step = 0; step <= grid.steps(); step++) {
      float iscale = grid.numerator(step) / (max + fit.min);
      bestError = tryScale(x, at, grid.top(), iscale, sumW, sumX, bestError, fit);
    }
  }

  private static float firstGuess(float[] x, int at, int top, float min, float max, Fit fit) {
    float iscale = top / (max - min);
    fit.scale = 1 / iscale;
    float error = 0;
    for (int i = 0; i < 32; i++) {
      int code = Math.clamp(round(iscale * (x[at + i] - min)), 0, top);
      fit.codes[i] = code;
      float difference = fit.scale * code + min - x[at + i];
      error += fit.weights[i] * (difference * difference);
    }
    return error;
  }

  private static float tryScale(
      float[] x, int at, int top, float iscale, float sumW, float sumX, float bestError, Fit fit) {
    float sumL = 0;
    float sumL2 = 0;
    float sumXl = 0;
    for (int i = 0; i < 32; i++) {
      int code = Math.clamp(round(iscale * (x[at + i] + fit.min)), 0, top);
      fit.candidate[i] = code;
      float weighted = fit.weights[i] * code;
      sumL += weighted;
      sumL2 += weighted * code;
      sumXl += weighted * x[at + i];
    }
    float determinant = sumW * sumL2 - sumL * sumL;
    if (!(determinant > 0)) {
      return bestError;
    }
    float scale = (sumW * sumXl - sumX * sumL) / determinant;
    float offset = (sumL2 * sumX - sumL * sumXl) / determinant;
    if (offset > 0) {
      offset = 0;
      scale = sumXl / sumL2;
    }
    float error = 0;
    for (int i = 0; i < 32; i++) {
      float difference = scale * fit.candidate[i] + offset - x[at + i];
      error += fit.weights[i] * (difference * difference);
    }
    if (error < bestError) {
      System.arraycopy(fit.candidate, 0, fit.codes, 0, 32);
      fit.scale = scale;
      fit.min = -offset;
      return error;
    }
    return bestError;
  }

  /// Fits `scale·q` with q from -32 to 31 to the 16 numbers from `at` on, each weighted by its
  /// square. Codes are stored 32 higher.
  static void symmetric(float[] x, int at, Fit fit) {
    int n = 16;
    float largest = 0;
    for (int i = 0; i < n; i++) {
      if (Math.abs(x[at + i]) > Math.abs(largest)) {
        largest = x[at + i];
      }
    }
    fit.scale = 0;
    if (Math.abs(largest) < LEAST) {
      Arrays.fill(fit.codes, 0);
      return;
    }
    float best = 0;
    for (int step = 0; step < 19; step++) {
      float iscale = -candidate(step) / largest;
      float sumXl = 0;
      float sumL2 = 0;
      for (int i = 0; i < n; i++) {
        float v = x[at + i];
        int code = signedCode(v, iscale);
        float weight = v * v;
        sumXl += weight * v * code;
        sumL2 += weight * code * code;
      }
      boolean better = step == 0 || (sumL2 > 0 && sumXl * sumXl > best * sumL2);
      if (better) {
        for (int i = 0; i < n; i++) {
          fit.codes[i] = 32 + signedCode(x[at + i], iscale);
        }
        fit.scale = sumL2 == 0 ? 0 : sumXl / sumL2;
        best = fit.scale * sumXl;
      }
    }
  }

  static int signedCode(float x, float iscale) {
    return Math.clamp(round(iscale * x), -32, 31);
  }

  /// The candidates of the symmetric fit: 32 first, then 32 + 0.1·k for k from -9 to 9 but 0.
  static float candidate(int step) {
    if (step == 0) {
      return 32;
    }
    int k = step <= 9 ? step - 10 : step - 9;
    return 32 + 0.1f * k;
  }
}
