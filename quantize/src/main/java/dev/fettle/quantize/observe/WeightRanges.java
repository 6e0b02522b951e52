package dev.fettle.quantize.observe;

import dev.fettle.quantize.AffineGrid;
import dev.fettle.quantize.AffineParameters;
import java.util.Arrays;

/// The range of weights that share a scale. There are few of them, so the rules look at the numbers
/// themselves and not at a histogram.
final class WeightRanges {
  /// GPTQ's search (`Quantizer.find_params` with `mse=True`): ranges of 100 %, 99 % … of the full
  /// one, down to `1 − maxshrink`.
  private static final int STEPS = 100;

  private static final int TRIED = 80;

  /// Fewer numbers have no distribution to compare.
  static final int ENTROPY_NUMBERS = 256;

  private WeightRanges() {}

  static Range full(float[] values) {
    float min = Float.POSITIVE_INFINITY;
    float max = Float.NEGATIVE_INFINITY;
    for (float value : values) {
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
    return new Range(min, max);
  }

  /// The share of the numbers nearest to zero; on an asymmetric grid without as many at each end.
  static Range percentile(float[] values, AffineGrid grid, double percent) {
    int n = values.length;
    float[] sorted = values.clone();
    if (!grid.symmetry().symmetric()) {
      Arrays.sort(sorted);
      int cut = (int) Math.min((n - 1) / 2, Math.floor(n * (100 - percent) / 200));
      return new Range(sorted[cut], sorted[n - 1 - cut]);
    }
    for (int i = 0; i < n; i++) {
      sorted[i] = Math.abs(sorted[i]);
    }
    Arrays.sort(sorted);
    int rank = (int) Math.clamp(Math.ceil(n * percent / 100), 1, n);
    return full(values).clipped(sorted[rank - 1]);
  }

  /// The range, shrunk towards zero on both sides alike, with the least sum of squared errors; of
  /// equal ones the widest. Frantar et al. 2023 (GPTQ, arXiv:2210.17323), whose code takes the
  /// power 2.4 of the error instead of 2.
  static Range leastSquares(float[] values, AffineGrid grid) {
    Range full = full(values);
    Range best = full;
    double least = Double.POSITIVE_INFINITY;
    for (int step = 0; step < TRIED; step++) {
      float share = 1 - step / (float) STEPS;
      Range range = new Range(full.min() * share, full.max() * share);
      double error = error(values, grid, grid.parameters(range.min(), range.max()), least);
      if (error < least) {
        least = error;
        best = range;
      }
    }
    return best;
  }

  /// Sum of squared errors; may stop once it is over `enough`.
  private static double error(
      float[] values, AffineGrid grid, AffineParameters parameters, double enough) {
    float scale = parameters.scale();
    int low = grid.qMin() - parameters.zeroPoint();
    int high = grid.qMax() - parameters.zeroPoint();
    double sum = 0;
    for (int from = 0; from < values.length && sum <= enough; from += 1024) {
      int to = Math.min(values.length, from + 1024);
      for (int i = from; i < to; i++) {
        double steps = Math.min(high, Math.max(low, Math.rint(values[i] / scale)));
        float difference = (float) steps * scale - values[i];
        sum += difference * difference;
      }
    }
    return sum;
  }
}
