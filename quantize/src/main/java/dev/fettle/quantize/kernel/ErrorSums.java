package dev.fettle.quantize.kernel;

/// Running sums for the error of a quantized weight, with w the exact and q the approximate
/// numbers.
public final class ErrorSums {
  private long count;
  private double squaredError;
  private double squaredExact;
  private double squaredApproximate;
  private double product;
  private double maxError;

  /// Adds the sums of another run of `count` numbers.
  ///
  /// @param squaredError sum of (w - q)²
  /// @param squaredExact sum of w²
  /// @param squaredApproximate sum of q²
  /// @param product sum of w·q
  /// @param maxError largest |w - q|
  public void add(
      long count,
      double squaredError,
      double squaredExact,
      double squaredApproximate,
      double product,
      double maxError) {
    this.count += count;
    this.squaredError += squaredError;
    this.squaredExact += squaredExact;
    this.squaredApproximate += squaredApproximate;
    this.product += product;
    this.maxError = Math.max(this.maxError, maxError);
  }

  public void add(ErrorSums other) {
    add(
        other.count,
        other.squaredError,
        other.squaredExact,
        other.squaredApproximate,
        other.product,
        other.maxError);
  }

  public long count() {
    return count;
  }

  public double squaredError() {
    return squaredError;
  }

  public double squaredExact() {
    return squaredExact;
  }

  public double squaredApproximate() {
    return squaredApproximate;
  }

  public double product() {
    return product;
  }

  public double maxError() {
    return maxError;
  }
}
