package dev.fettle.quantize;

/// What turns a number into an integer of an [AffineGrid] and back.
///
/// @param scale the step between neighbours, positive
/// @param zeroPoint the integer that stands for zero
public record AffineParameters(float scale, int zeroPoint) {
  public AffineParameters {
    if (!(scale > 0) || Float.isInfinite(scale)) {
      throw new IllegalArgumentException("scale " + scale);
    }
  }

  /// `clamp(round(x / scale) + zero point)`, ties to even.
  ///
  /// @param x finite
  public int quantize(float x, AffineGrid grid) {
    // the clamp before the conversion keeps quotients beyond int in order
    double rounded = Math.rint(x / scale);
    return (int) Math.clamp(rounded + zeroPoint, grid.qMin(), (double) grid.qMax());
  }

  /// `(q - zero point) * scale`, the product rounded to float32.
  public float dequantize(int q) {
    return (q - zeroPoint) * scale;
  }
}
