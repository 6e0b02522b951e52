package dev.fettle.calibrate.awq;

import dev.fettle.tensor.UserException;

/// The settings of AWQ, with the values of the reference implementation.
///
/// @param nGrid exponents tried between 0 and 1: 0, 1/nGrid, …, 1
/// @param clip whether the ranges of the weights are narrowed where that lowers the error
public record AwqOptions(int nGrid, boolean clip) {
  static final int DEFAULT_N_GRID = 20;

  public AwqOptions {
    if (nGrid < 1) {
      throw new UserException("--n-grid must be 1 or more, not " + nGrid + ".");
    }
  }

  /// 20 exponents, with clipping.
  public static AwqOptions defaults() {
    return new AwqOptions(DEFAULT_N_GRID, true);
  }
}
