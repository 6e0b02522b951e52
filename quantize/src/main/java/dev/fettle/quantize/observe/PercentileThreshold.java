package dev.fettle.quantize.observe;

import java.util.Arrays;

/// The magnitude or range that a share of the numbers lies within.
///
/// Symmetric as `_compute_amax_percentile` in NVIDIA's Model Optimizer 0.47 (`calib/histogram.py`;
/// the same code was in pytorch-quantization): the lower edge of the first bin at which the
/// cumulative share reaches the percentile. Asymmetric as `PercentileCalibrater` of ONNX Runtime
/// (`quantization/calibrate.py`): half of what is left out at each end.
final class PercentileThreshold {
  private PercentileThreshold() {}

  /// @param magnitudes counts by magnitude
  /// @param percentile 0 to 100
  /// @return the number of the first bin whose lower edge is the threshold
  static int bin(long[] magnitudes, double percentile) {
    return search(magnitudes, percentile / 100);
  }

  /// @return thresholds in units of bins: lower and upper
  static int[] bins(long[] negative, long[] positive, double percentile) {
    long[] all = new long[negative.length + positive.length];
    for (int i = 0; i < negative.length; i++) {
      all[negative.length - 1 - i] = negative[i];
    }
    System.arraycopy(positive, 0, all, negative.length, positive.length);
    double cut = (100 - percentile) / 200;
    return new int[] {search(all, cut) - negative.length, search(all, 1 - cut) - negative.length};
  }

  /// The first bin at which the cumulative share of the numbers reaches `share`.
  private static int search(long[] counts, double share) {
    double total = Arrays.stream(counts).sum();
    double cumulative = 0;
    for (int bin = 0; bin < counts.length; bin++) {
      cumulative += counts[bin] / total;
      if (cumulative >= share) {
        return bin;
      }
    }
    return counts.length;
  }
}
