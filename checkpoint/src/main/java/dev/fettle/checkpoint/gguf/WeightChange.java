package dev.fettle.checkpoint.gguf;

import org.jspecify.annotations.Nullable;

/// How a tensor in a GGUF file differs from Hugging Face's: its rows are reordered, its numbers are
/// `(weight + shift) · factor`.
///
/// @param permutation null where rows stay
/// @param shift 1 for gains that are stored as `1 + weight`, else 0
/// @param factor 1 nearly always
public record WeightChange(@Nullable RowPermutation permutation, int shift, double factor) {
  /// Differences from 1 that are rounding errors of the two square roots.
  private static final double ROUNDING = 1e-12;

  /// Numbers and order stay.
  public static final WeightChange NONE = new WeightChange(null, 0, 1);

  WeightChange times(double by) {
    return Math.abs(by - 1) < ROUNDING ? this : new WeightChange(permutation, shift, factor * by);
  }

  /// Whether the numbers themselves are others.
  public boolean changesNumbers() {
    return shift != 0 || factor != 1;
  }

  /// The numbers of a file for those of a model, in place.
  public void toGguf(float[] numbers) {
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = (float) (((double) numbers[i] + shift) * factor);
    }
  }
}
