package dev.fettle.quantize.observe;

import dev.fettle.quantize.AffineGrid;
import dev.fettle.tensor.UserException;

/// A rule that chooses the range a quantization grid is laid over: numbers beyond it are clipped,
/// numbers within it get finer steps. `toString()` and `parse` are inverse: `min-max`,
/// `moving-average:0.01`, `percentile:99.99`, `entropy`, `mse`.
///
/// Every observer works from the same {@link RangeStatistics}, so one pass over the data serves all
/// of them and all grids.
public sealed interface Observer {
  /// Bins that a threshold encloses at least, in Migacz's presentation and in NVIDIA's
  /// implementations of entropy and MSE.
  int START_BIN = 128;

  /// Everything that was seen: PyTorch's `MinMaxObserver`.
  record MinMax() implements Observer {
    @Override
    public String toString() {
      return "min-max";
    }
  }

  /// The exponential moving average of each batch's smallest and largest number: PyTorch's
  /// `MovingAverageMinMaxObserver`; Jacob et al. 2018 (arXiv:1712.05877), section 3.1.
  ///
  /// @param constant weight of a new batch, over 0 and at most 1
  record MovingAverage(double constant) implements Observer {
    /// PyTorch's `averaging_constant`.
    public static final double DEFAULT = 0.01;

    public MovingAverage {
      if (!(constant > 0 && constant <= 1)) {
        throw new UserException(
            "The averaging constant of moving-average must be over 0 and at most 1, not "
                + constant
                + ".");
      }
    }

    @Override
    public String toString() {
      return "moving-average:" + ObserverText.number(constant);
    }
  }

  /// The range that this share of the numbers lies in, see {@link PercentileThreshold}.
  ///
  /// @param percent over 0 and at most 100
  record Percentile(double percent) implements Observer {
    /// The default of NVIDIA's calibrator.
    public static final double DEFAULT = 99.99;

    public Percentile {
      if (!(percent > 0 && percent <= 100)) {
        throw new UserException(
            "A percentile must be over 0 and at most 100, not "
                + ObserverText.number(percent)
                + ".");
      }
    }

    @Override
    public String toString() {
      return "percentile:" + ObserverText.number(percent);
    }
  }

  /// Least divergence of the distributions, see {@link EntropyThreshold}.
  record Entropy() implements Observer {
    @Override
    public String toString() {
      return "entropy";
    }
  }

  /// Least squared error, see {@link MseThreshold}.
  record Mse() implements Observer {
    @Override
    public String toString() {
      return "mse";
    }
  }

  /// @throws UserException if the text names no observer
  static Observer parse(String text) {
    return ObserverText.parse(text);
  }

  /// The range for `grid`, within what was seen. Symmetric grids take the larger magnitude of its
  /// ends.
  ///
  /// @throws IllegalStateException if no finite number was seen
  default Range range(RangeStatistics seen, AffineGrid grid) {
    Range all = seen.range();
    Histogram histogram = seen.histogram();
    return switch (this) {
      case MinMax _ -> all;
      case MovingAverage average -> seen.movingRange((float) average.constant());
      case Percentile percentile -> ObserverRanges.percentile(histogram, all, grid, percentile);
      case Entropy _ -> ObserverRanges.entropy(histogram, all, grid);
      case Mse _ -> MseThreshold.of(histogram, all, grid, START_BIN);
    };
  }
}
