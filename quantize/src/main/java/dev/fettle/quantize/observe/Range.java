package dev.fettle.quantize.observe;

/// Numbers from `min` to `max`.
///
/// @param min finite
/// @param max finite, not less than `min`
public record Range(float min, float max) {
  public Range {
    if (!(min <= max) || Float.isInfinite(min) || Float.isInfinite(max)) {
      throw new IllegalArgumentException("range " + min + " to " + max);
    }
  }

  /// The part of this range within `threshold` of zero; at least zero itself.
  Range clipped(double threshold) {
    float limit = (float) threshold;
    return new Range(Math.clamp(min, -limit, limit), Math.clamp(max, -limit, limit));
  }

  /// The largest magnitude in the range.
  public float largest() {
    return Math.max(-min, max);
  }
}
