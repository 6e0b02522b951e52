package dev.fettle.quantize.integer;

/// What turns the integer sums of each output into numbers.
///
/// @param columns codes per output
/// @param scales one per output
/// @param zeros zero points in the numbering of the signed codes, one per output; empty where all
///   are zero
/// @param sums of each output's codes; empty where no activation has a zero point
@SuppressWarnings("ArrayRecordComponent") // shared with kernels, never compared
public record WeightFactors(int columns, float[] scales, int[] zeros, int[] sums) {
  public WeightFactors {
    boolean fits =
        (zeros.length == 0 || zeros.length == scales.length)
            && (sums.length == 0 || sums.length == scales.length);
    if (!fits) {
      throw new IllegalArgumentException(
          "%d scales, %d zero points, %d sums".formatted(scales.length, zeros.length, sums.length));
    }
  }

  /// The number of outputs.
  public int outputs() {
    return scales.length;
  }
}
