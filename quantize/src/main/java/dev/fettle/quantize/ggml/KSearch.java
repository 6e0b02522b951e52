package dev.fettle.quantize.ggml;

import java.util.Arrays;

/// How the K formats choose the scale of a sub-block: several candidate scales, for each the codes
/// by rounding, then the scale (and offset) of least weighted error for those codes; the best
/// candidate wins. In the affine fit, candidates start from the best offset so far. Sums run in
/// float32 from the first weight to the last, as in ggml's `make_qkx2_quants`, `make_qkx3_quants`
/// and `make_qx_quants`, whose bytes depend on it.
///
/// The codes of the search only matter where the stored scale rounds to zero, or where there is
/// none but it: all others are chosen again with the scale as stored.
final class KSearch {
  /// Sub-blocks whose largest magnitude is below this get the scale zero.
  static final float LEAST = 1e-15f;

  /// @param top the largest code; the smallest is 0
  /// @param first what is added to `top` for the first candidate
  /// @param delta how much further each candidate is than the one before
  /// @param steps candidates after the first
  /// @param absolute whether errors are magnitudes instead of squares
  record Grid(int top, float first, float delta, int steps, boolean absolute) {
    static final Grid Q2_K = new Grid(3, -0.5f, 0.1f, 15, true);
    static final Grid Q4_K = new Grid(15, -1, 0.1f, 20, false);
    static final Grid Q5_K = new Grid(31, -0.5f, 0.1f, 15, false);

    /// The finer search of all formats when weights have an importance.
    static Grid weighted(int top) {
      return new Grid(top, -0.9f, 0.05f, 36, false);
    }

    /// `(first + delta·step + top)` in float32; times 1 / (max - min) it is a candidate.
    float numerator(int step) {
      return first + delta * step + top;
    }

    private float error(float difference) {
      return absolute ? Math.abs(difference) : difference * difference;
    }
  }

  /// Scale and offset (minus the smallest value) of up to 32 numbers, and their codes.
  static final class Fit {
    float scale;
    float min;
    final int[] codes = new int[32];

    /// How much the error of each number counts; to be set before a fit.
    final float[] weights = new float[32];

    private final int[] candidate = new int[32];
  }

  private KSearch() {}

  /// Rounds to nearest even, for magnitudes below 2^22. Beyond, the result wraps around as it does
  /// in ggml.
  static int round(float x) {
    return (Float.floatToRawIntBits(x + 0x1.8p23f) & 0x7FFFFF) - 0x400000;
  }

  /// Weighs each of the `n` numbers from `at` on by the root mean square of all plus its own
  /// magnitude.
  static void weighByMagnitude(float[] x, int at, int n, Fit fit) {
    float squares = 0;
    for (int i = 0; i < n; i++) {
      squares += x[at + i] * x[at + i];
    }
    float rms = (float) Math.sqrt(squares / n);
    for (int i = 0; i < n; i++) {
      fit.weights[i] = rms + Math.abs(x[at + i]);
    }
  }

  /// Fits `scale·q - min` with min ≥ 0 to the `n` numbers from `at` on.
  static void affine(float[] x, int at, int n, Grid grid, Fit fit) {
    float[] weights = fit.weights;
    float min = x[at];
    float max = x[at];
    float sumW = 0;
    float sumX = 0;
    for (int i = 0; i < n; i++) {
      float v = x[at + i];
      min = v < min ? v : min;
      max = v > max ? v : max;
      sumW += weights[i];
      sumX += weights[i] * v;
    }
    min = min > 0 ? 0 : min;
    fit.scale = 0;
    fit.min = -min;
    if (max == min) {
      Arrays.fill(fit.codes, 0);
      return;
    }
    float bestError = firstGuess(x, at, n, grid, min, max, fit);
    for (int step = 0; step <= grid.steps(); step++) {
      float iscale = grid.numerator(step) / (max + fit.min);
      bestError = tryScale(x, at, n, grid, iscale, sumW, sumX, bestError, fit);
    }
  }

  private static float firstGuess(
      float[] x, int at, int n, Grid grid, float min, float max, Fit fit) {
    float iscale = grid.top() / (max - min);
    fit.scale = 1 / iscale;
    float error = 0;
    for (int i = 0; i < n; i++) {
      int code = Math.clamp(round(iscale * (x[at + i] - min)), 0, grid.top());
      fit.codes[i] = code;
      error += fit.weights[i] * grid.error(fit.scale * code + min - x[at + i]);
    }
    return error;
  }

  private static float tryScale(
      float[] x,
      int at,
      int n,
      Grid grid,
      float iscale,
      float sumW,
      float sumX,
      float bestError,
      Fit fit) {
    float sumL = 0;
    float sumL2 = 0;
    float sumXl = 0;
    for (int i = 0; i < n; i++) {
      int code = Math.clamp(round(iscale * (x[at + i] + fit.min)), 0, grid.top());
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
    for (int i = 0; i < n; i++) {
      error += fit.weights[i] * grid.error(scale * fit.candidate[i] + offset - x[at + i]);
    }
    if (error < bestError) {
      System.arraycopy(fit.candidate, 0, fit.codes, 0, n);
      fit.scale = scale;
      fit.min = -offset;
      return error;
    }
    return bestError;
  }

  /// Weighs each of the `n` numbers from `at` on by its square.
  static void weighBySquare(float[] x, int at, int n, Fit fit) {
    for (int i = 0; i < n; i++) {
      fit.weights[i] = x[at + i] * x[at + i];
    }
  }

  /// Fits `scale·q` with q from `-top` to `top - 1` to the `n` numbers from `at` on. Codes are
  /// stored `top` higher.
  static void symmetric(float[] x, int at, int n, int top, Fit fit) {
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
      float iscale = -candidate(step, top) / largest;
      float sumXl = 0;
      float sumL2 = 0;
      for (int i = 0; i < n; i++) {
        int code = signedCode(x[at + i], iscale, top);
        float weight = fit.weights[i];
        sumXl += weight * x[at + i] * code;
        sumL2 += weight * code * code;
      }
      boolean better = step == 0 || (sumL2 > 0 && sumXl * sumXl > best * sumL2);
      if (better) {
        for (int i = 0; i < n; i++) {
          fit.codes[i] = top + signedCode(x[at + i], iscale, top);
        }
        fit.scale = sumL2 == 0 ? 0 : sumXl / sumL2;
        best = fit.scale * sumXl;
      }
    }
  }

  static int signedCode(float x, float iscale, int top) {
    return Math.clamp(round(iscale * x), -top, top - 1);
  }

  /// The candidates of the symmetric fit: `top` first, then `top + 0.1·k` for k from -9 to 9 but 0.
  static float candidate(int step, int top) {
    if (step == 0) {
      return top;
    }
    int k = step <= 9 ? step - 10 : step - 9;
    return top + 0.1f * k;
  }
}
