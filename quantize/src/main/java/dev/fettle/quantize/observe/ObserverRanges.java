package dev.fettle.quantize.observe;

import dev.fettle.quantize.AffineGrid;

/// Thresholds in a histogram as ranges of the numbers that were seen.
final class ObserverRanges {
  private ObserverRanges() {}

  /// A threshold of zero would leave no range, so it is one bin at least.
  static Range percentile(
      Histogram histogram, Range seen, AffineGrid grid, Observer.Percentile percentile) {
    double width = histogram.width();
    if (grid.symmetry().symmetric()) {
      int bin = PercentileThreshold.bin(histogram.magnitudes(), percentile.percent());
      return seen.clipped(width * Math.max(1, bin));
    }
    int[] bins =
        PercentileThreshold.bins(histogram.negative(), histogram.positive(), percentile.percent());
    int upper = bins[0] == bins[1] ? bins[1] + 1 : bins[1];
    return new Range(
        Math.clamp((float) (width * bins[0]), seen.min(), seen.max()),
        Math.clamp((float) (width * upper), seen.min(), seen.max()));
  }

  static Range entropy(Histogram histogram, Range seen, AffineGrid grid) {
    int levels = levels(seen, grid);
    int start = Math.max(Observer.START_BIN, levels);
    return seen.clipped(
        histogram.width() * EntropyThreshold.bins(histogram.magnitudes(), levels, start));
  }

  /// Levels for magnitudes: half of the grid where numbers have both signs, as TensorRT's 128 of
  /// int8; all of an unsigned or asymmetric grid where they have one.
  private static int levels(Range seen, AffineGrid grid) {
    boolean oneSided = seen.min() >= 0 || seen.max() <= 0;
    boolean whole = grid.symmetry().symmetric() ? !grid.signed() && seen.min() >= 0 : oneSided;
    return 1 << (whole ? grid.bits() : grid.bits() - 1);
  }
}
