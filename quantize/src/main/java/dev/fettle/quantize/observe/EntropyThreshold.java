package dev.fettle.quantize.observe;

import java.util.Arrays;

/// The clipping threshold at which the distribution of quantized magnitudes is closest to that of
/// the numbers, by Kullback–Leibler divergence.
///
/// Migacz, "8-bit Inference with TensorRT" (GTC 2017), slides 38–41, in the form of
/// `_compute_amax_entropy` of NVIDIA's Model Optimizer 0.47 (`calib/histogram.py`): the first bin
/// takes the count of the second, since exact zeros cost nothing; for every number of bins `i` the
/// reference is the first `i` bins with all clipped numbers in the last of them, the candidate
/// spreads each quantization level evenly over its occupied bins. Of equal divergences the largest
/// threshold wins.
final class EntropyThreshold {
  private EntropyThreshold() {}

  /// @param magnitudes counts by magnitude
  /// @param levels quantization levels for magnitudes
  /// @param start the smallest number of bins tried
  /// @return the number of bins within the threshold; all of them if there are not more than
  ///   `start`
  static int bins(long[] magnitudes, int levels, int start) {
    if (magnitudes.length <= start) {
      return magnitudes.length;
    }
    long[] counts = magnitudes.clone();
    counts[0] = counts[1];
    long outside = Arrays.stream(counts, start, counts.length).sum();
    double best = Double.POSITIVE_INFINITY;
    int bestBins = counts.length;
    double[] candidate = new double[counts.length];
    for (int bins = start; bins <= counts.length; bins++) {
      double divergence = divergence(counts, bins, outside, levels, candidate);
      if (divergence <= best) {
        best = divergence;
        bestBins = bins;
      }
      outside -= bins < counts.length ? counts[bins] : 0;
    }
    return bestBins;
  }

  private static double divergence(
      long[] counts, int bins, long outside, int levels, double[] candidate) {
    spread(counts, bins, levels, candidate);
    double candidateSum = 0;
    double referenceSum = outside;
    for (int bin = 0; bin < bins; bin++) {
      candidateSum += candidate[bin];
      referenceSum += counts[bin];
    }
    double sum = 0;
    for (int bin = 0; bin < bins; bin++) {
      double p = (counts[bin] + (bin == bins - 1 ? outside : 0)) / referenceSum;
      if (p > 0) {
        if (candidate[bin] == 0) {
          return Double.POSITIVE_INFINITY;
        }
        sum += p * Math.log(p / (candidate[bin] / candidateSum));
      }
    }
    return sum;
  }

  /// Quantizes the first `bins` bins to `levels` levels and expands them again.
  private static void spread(long[] counts, int bins, int levels, double[] candidate) {
    double step = (double) bins / levels;
    int from = 0;
    for (int level = 0; level < levels; level++) {
      double edge = level == levels - 1 ? bins : (level + 1) * step;
      int to = from;
      long sum = 0;
      int occupied = 0;
      for (; to < bins && to < edge; to++) {
        sum += counts[to];
        occupied += counts[to] != 0 ? 1 : 0;
      }
      double mean = occupied == 0 ? 0 : (double) sum / occupied;
      for (int bin = from; bin < to; bin++) {
        candidate[bin] = counts[bin] == 0 ? 0 : mean;
      }
      from = to;
    }
  }
}
