package dev.fettle.tensor;

import java.util.stream.IntStream;

/// Float32 bit patterns that casts are tested with. `tools/golden/make_casts.py` makes the same
/// ones; a change here needs new golden values.
final class CastSamples {
  private static final int SPREAD = 1 << 20;

  /// Mantissa bits that float16, bfloat16, E4M3, E5M2 and E2M1 drop from float32.
  private static final int[] DROPPED = {13, 16, 20, 21, 22};

  private CastSamples() {}

  /// First 2^20 patterns spread evenly over all of float32 (every exponent, subnormal numbers,
  /// NaN); then, for each format, float32 numbers with the format's mantissa at every exponent, and
  /// the midpoint to the next one with its two neighbours.
  static int[] bits() {
    IntStream bits = IntStream.range(0, SPREAD).map(i -> i * 0x9E3779B1);
    for (int dropped : DROPPED) {
      int half = 1 << (dropped - 1);
      int count = Math.min(1 << (32 - dropped), 1 << 16);
      int shift = dropped == 13 ? 16 : dropped;
      IntStream around =
          IntStream.range(0, count)
              .map(i -> i << shift)
              .flatMap(
                  base -> IntStream.of(base, base | (half - 1), base | half, base | (half + 1)));
      bits = IntStream.concat(bits, around);
    }
    return bits.toArray();
  }
}
