package dev.fettle.quantize.ggml;

/// How much the error of each weight counts: the importance of its column times `sqrt(mean square +
/// weight²)`, so that large weights count more. Source: ggml, `quantize_row_…_impl`.
final class Importance {
  private Importance() {}

  /// Of all numbers, added up in order.
  static float meanSquare(float[] x) {
    float squares = 0;
    for (float v : x) {
      squares += v * v;
    }
    return squares / x.length;
  }

  /// Sets the weights of the `n` numbers from `at` on.
  ///
  /// @param importance of the columns of `x`
  static void weigh(
      float[] x, int at, int n, float[] importance, float meanSquare, KSearch.Fit fit) {
    for (int i = 0; i < n; i++) {
      float v = x[at + i];
      fit.weights[i] = importance[at + i] * (float) Math.sqrt(meanSquare + v * v);
    }
  }

  /// The sum of the first `n` weights.
  static float sum(int n, KSearch.Fit fit) {
    float sum = 0;
    for (int i = 0; i < n; i++) {
      sum += fit.weights[i];
    }
    return sum;
  }
}
