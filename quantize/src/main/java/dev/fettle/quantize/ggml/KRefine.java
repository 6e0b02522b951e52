package dev.fettle.quantize.ggml;

import java.util.Arrays;

/// Searches that improve one code after the other: the best code of a number is where the scale
/// fitted to all other numbers puts it. Up to five rounds, until nothing changes. Sums run as in
/// ggml's `make_q3_quants` and `make_qp_quants`.
final class KRefine {
  private static final int ROUNDS = 5;

  private KRefine() {}

  /// Fits `scale·q` with q from `-top` to `top - 1` to the `n` numbers from `at` on, by their
  /// weights. Codes are stored `top` higher.
  static void symmetric(float[] x, int at, int n, int top, KSearch.Fit fit) {
    float largest = 0;
    for (int i = 0; i < n; i++) {
      if (Math.abs(x[at + i]) > Math.abs(largest)) {
        largest = x[at + i];
      }
    }
    fit.scale = 0;
    if (Math.abs(largest) < KSearch.LEAST) {
      Arrays.fill(fit.codes, 0);
      return;
    }
    float iscale = -top / largest;
    float sumXl = 0;
    float sumL2 = 0;
    for (int i = 0; i < n; i++) {
      int code = KSearch.signedCode(x[at + i], iscale, top);
      fit.codes[i] = code;
      sumXl += fit.weights[i] * x[at + i] * code;
      sumL2 += fit.weights[i] * code * code;
    }
    boolean changed = true;
    for (int round = 0; round < ROUNDS && changed; round++) {
      changed = false;
      for (int i = 0; i < n; i++) {
        float weight = fit.weights[i];
        float otherXl = sumXl - weight * x[at + i] * fit.codes[i];
        float otherL2 = sumL2 - weight * fit.codes[i] * fit.codes[i];
        if (!(otherXl > 0)) {
          continue;
        }
        int code = Math.clamp(KSearch.round(x[at + i] * otherL2 / otherXl), -top, top - 1);
        otherXl += weight * x[at + i] * code;
        otherL2 += weight * code * code;
        if (code != fit.codes[i]
            && otherL2 > 0
            && otherXl * otherXl * sumL2 > sumXl * sumXl * otherL2) {
          fit.codes[i] = code;
          sumXl = otherXl;
          sumL2 = otherL2;
          changed = true;
        }
      }
    }
    for (int i = 0; i < n; i++) {
      fit.codes[i] += top;
    }
    fit.scale = sumL2 > 0 ? sumXl / sumL2 : 0;
  }

  /// Fits `scale·q` with q from 0 to `top` to numbers that are not negative, such as the scales of
  /// a block.
  ///
  /// @param weights one per number
  /// @param codes receives one per number
  /// @return the scale
  static float positive(float[] x, float[] weights, int top, int[] codes) {
    int n = x.length;
    float max = 0;
    for (float v : x) {
      max = Math.max(max, v);
    }
    if (max < KSearch.LEAST) {
      Arrays.fill(codes, 0);
      return 0;
    }
    float iscale = bestCandidate(x, weights, top, max);
    float sumXl = 0;
    float sumL2 = 0;
    for (int i = 0; i < n; i++) {
      int code = Math.min(top, KSearch.round(iscale * x[i]));
      codes[i] = code & 0xFF;
      sumXl += weights[i] * x[i] * code;
      sumL2 += weights[i] * code * code;
    }
    boolean changed = true;
    for (int round = 0; round < ROUNDS && changed; round++) {
      changed = false;
      for (int i = 0; i < n; i++) {
        float otherXl = sumXl - weights[i] * x[i] * codes[i];
        float otherL2 = sumL2 - weights[i] * codes[i] * codes[i];
        if (!(otherXl > 0 && otherL2 > 0)) {
          continue;
        }
        int code = Math.min(top, KSearch.round(x[i] * otherL2 / otherXl));
        otherXl += weights[i] * x[i] * code;
        otherL2 += weights[i] * code * code;
        if (code != codes[i] && otherXl * otherXl * sumL2 > sumXl * sumXl * otherL2) {
          codes[i] = code & 0xFF;
          sumXl = otherXl;
          sumL2 = otherL2;
          changed = true;
        }
      }
    }
    return sumL2 > 0 ? sumXl / sumL2 : 0;
  }

  /// The inverse scale of least error among `(top + 0.1·k) / max` for k from -4 to 4; k = 0 first.
  private static float bestCandidate(float[] x, float[] weights, int top, float max) {
    float best = top / max;
    float leastError = error(x, weights, top, best);
    for (int k = -4; k <= 4; k++) {
      if (k != 0) {
        float iscale = (0.1f * k + top) / max;
        float error = error(x, weights, top, iscale);
        if (error < leastError) {
          leastError = error;
          best = iscale;
        }
      }
    }
    return best;
  }

  private static float error(float[] x, float[] weights, int top, float iscale) {
    float scale = 1 / iscale;
    float error = 0;
    for (int i = 0; i < x.length; i++) {
      float difference = x[i] - scale * Math.min(top, KSearch.round(iscale * x[i]));
      error += weights[i] * difference * difference;
    }
    return error;
  }
}
