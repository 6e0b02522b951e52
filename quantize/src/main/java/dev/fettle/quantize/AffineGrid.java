package dev.fettle.quantize;

/// The integers that numbers are rounded to, and how a range is laid over them.
///
/// ```
/// scale      = (xmax - xmin) / (qmax - qmin)
/// zero point = round(qmin - xmin / scale), clamped to [qmin, qmax]      (asymmetric)
/// q          = clamp(round(x / scale) + zero point, qmin, qmax)
/// x'         = (q - zero point) * scale
/// ```
///
/// Every operation is float32, rounding is to the nearest integer with ties to even. The range
/// always includes zero, so that zero is stored exactly. Symmetric grids take the range from −m to
/// m, `m` the largest magnitude; an unsigned symmetric grid takes 0 to m with zero point 0 where no
/// number is negative, else −m to m with zero point 2^(bits−1).
///
/// Source: Jacob et al. 2018 (arXiv:1712.05877), section 2.1; Nagel et al. 2021 (arXiv:2106.08295),
/// section 2.
///
/// @param bits 1 to 8
/// @param signed −2^(bits−1) to 2^(bits−1)−1, else 0 to 2^bits−1
public record AffineGrid(int bits, boolean signed, Symmetry symmetry) {
  public AffineGrid {
    if (bits < 1 || bits > 8) {
      throw new IllegalArgumentException(bits + " bits");
    }
  }

  /// The lowest integer in use.
  public int qMin() {
    return lowest() + (symmetry == Symmetry.RESTRICTED ? 1 : 0);
  }

  /// The highest integer in use.
  public int qMax() {
    return lowest() + (1 << bits) - 1;
  }

  /// The lowest integer of this width, in use or not.
  public int lowest() {
    return signed ? -(1 << (bits - 1)) : 0;
  }

  /// The integer that stands for zero where the range lies evenly around it.
  private int middle() {
    return signed ? 0 : 1 << (bits - 1);
  }

  /// Scale and zero point for numbers between `min` and `max`, both finite.
  ///
  /// A range of zero width gets scale 1: then every number in it, zero, is stored exactly. A range
  /// so small that the scale would round to zero gets the smallest positive float32.
  public AffineParameters parameters(float min, float max) {
    if (!(min <= max) || Float.isInfinite(min) || Float.isInfinite(max)) {
      throw new IllegalArgumentException("range " + min + " to " + max);
    }
    float low = Math.min(min, 0);
    float high = Math.max(max, 0);
    if (low == high) {
      return new AffineParameters(1, symmetry.symmetric() ? middle() : clamp(0));
    }
    return symmetry.symmetric() ? symmetric(low, high) : asymmetric(low, high);
  }

  private AffineParameters symmetric(float low, float high) {
    float largest = Math.max(-low, high);
    boolean oneSided = !signed && low == 0;
    float width = oneSided ? largest : 2 * largest;
    if (Float.isInfinite(width)) { // 2m is beyond float32, m / half the steps is not
      return new AffineParameters(largest / (0.5f * (qMax() - qMin())), middle());
    }
    return new AffineParameters(scale(width), oneSided ? 0 : middle());
  }

  private AffineParameters asymmetric(float low, float high) {
    float width = high - low;
    float scale =
        Float.isInfinite(width) ? high / (qMax() - qMin()) - low / (qMax() - qMin()) : scale(width);
    return new AffineParameters(scale, zeroPoint(low, scale));
  }

  private float scale(float width) {
    return Math.max(width / (qMax() - qMin()), Float.MIN_VALUE);
  }

  /// The zero point for numbers from `min` on and a scale that may have been rounded since.
  public int zeroPoint(float min, float scale) {
    return clamp((int) Math.rint(qMin() - Math.min(min, 0) / scale));
  }

  /// The same parameters with another scale: the zero point of an asymmetric grid moves with it.
  public AffineParameters rescaled(AffineParameters parameters, float min, float scale) {
    return new AffineParameters(
        scale, symmetry.symmetric() ? parameters.zeroPoint() : zeroPoint(min, scale));
  }

  /// The nearest integer in use.
  public int clamp(int q) {
    return Math.clamp(q, qMin(), qMax());
  }
}
