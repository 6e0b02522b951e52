package dev.fettle.quantize.observe;

import dev.fettle.quantize.AffineGrid;
import dev.fettle.quantize.AffineParameters;

/// The clipping range with the least squared quantization error.
///
/// For one threshold on both sides the search of `_compute_amax_mse` in NVIDIA's Model Optimizer
/// 0.47 (`calib/histogram.py`): every number counts as the centre of its bin, every centre is a
/// candidate, of equal errors the smallest wins. Where the grid is asymmetric the result is the
/// start of one more search on each side alone, which is ours.
final class MseThreshold {
  private final Histogram histogram;
  private final long[] negative;
  private final long[] positive;
  private final Range seen;
  private final AffineGrid grid;
  private final int start;
  private double best = Double.POSITIVE_INFINITY;
  private Range bestRange;

  /// @param seen smallest and largest number
  /// @param start the first bin whose centre is a candidate
  private MseThreshold(Histogram histogram, Range seen, AffineGrid grid, int start) {
    this.histogram = histogram;
    this.negative = histogram.negative();
    this.positive = histogram.positive();
    this.seen = seen;
    this.grid = grid;
    this.start = start;
    this.bestRange = seen;
  }

  static Range of(Histogram histogram, Range seen, AffineGrid grid, int start) {
    MseThreshold search = new MseThreshold(histogram, seen, grid, start);
    search.bothSides();
    if (!grid.symmetry().symmetric()) {
      search.oneSide();
    }
    return search.bestRange;
  }

  private void bothSides() {
    int bins = Math.max(negative.length, positive.length);
    for (int bin = start; bin < bins; bin++) {
      consider(seen.clipped(centre(bin)));
    }
    if (bins <= start) {
      consider(seen);
    }
  }

  private void oneSide() {
    float low = bestRange.min();
    for (int bin = start; bin < positive.length; bin++) {
      consider(new Range(low, Math.max(low, Math.min(seen.max(), (float) centre(bin)))));
    }
    consider(new Range(low, seen.max()));
    float high = bestRange.max();
    for (int bin = start; bin < negative.length; bin++) {
      consider(new Range(Math.min(high, Math.max(seen.min(), (float) -centre(bin))), high));
    }
    consider(new Range(seen.min(), high));
  }

  private void consider(Range range) {
    double error = error(range);
    if (error < best) {
      best = error;
      bestRange = range;
    }
  }

  private double centre(int bin) {
    return (bin + 0.5) * histogram.width();
  }

  private double error(Range range) {
    AffineParameters parameters = grid.parameters(range.min(), range.max());
    return error(positive, 1, parameters) + error(negative, -1, parameters);
  }

  private double error(long[] counts, int sign, AffineParameters parameters) {
    double sum = 0;
    for (int bin = 0; bin < counts.length; bin++) {
      if (counts[bin] != 0) {
        float centre = (float) (sign * centre(bin));
        double difference = parameters.dequantize(parameters.quantize(centre, grid)) - centre;
        sum += difference * difference * counts[bin];
      }
    }
    return sum;
  }
}
