package dev.fettle.quantize;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/// The sixteen levels of a [CodebookTensor], as bitsandbytes has them.
public enum FourBitCode {
  /// Ascending: the index of a level is its rank. See [Nf4].
  NF4,
  /// A sign (bit 3) and the magnitudes 0, 1/192, 2/3, 1, 1/3, 1/2, 1/6, 1/4. Source: bitsandbytes,
  /// `functional.py` (`get_4bit_type`).
  FP4;

  private static final int SIGN = 8;

  /// As bitsandbytes names it: `nf4`, `fp4`.
  public String text() {
    return this == NF4 ? "nf4" : "fp4";
  }

  public static FourBitCode of(Scheme.Codebook scheme) {
    return switch (scheme) {
      case Scheme.Nf4 nf4 -> NF4;
      case Scheme.Fp4 fp4 -> FP4;
    };
  }

  /// A copy of the sixteen levels, by index.
  public float[] levels() {
    return switch (this) {
      case NF4 -> Nf4.code();
      case FP4 -> {
        float[] twelfths = {0, 0.0625f, 8, 12, 4, 6, 2, 3};
        float[] levels = new float[16];
        for (int i = 0; i < SIGN; i++) {
          levels[i] = twelfths[i] / 12;
          levels[i + SIGN] = i == 0 ? 0 : -levels[i];
        }
        yield levels;
      }
    };
  }

  /// The indices in the order of their levels. FP4 has two zeros, of which index 0 comes first.
  public int[] ascending() {
    float[] levels = levels();
    return IntStream.range(0, 16)
        .boxed()
        .sorted(Comparator.comparingDouble(i -> levels[i]))
        .mapToInt(Integer::intValue)
        .toArray();
  }

  /// The fifteen midpoints between neighbouring levels, in float32, ascending. A normalised weight
  /// has the level whose rank is the number of midpoints below it, so one exactly on a midpoint
  /// goes to the lower level.
  public float[] midpoints() {
    float[] levels = levels();
    Arrays.sort(levels);
    float[] midpoints = new float[15];
    for (int i = 0; i < midpoints.length; i++) {
      midpoints[i] = (levels[i] + levels[i + 1]) / 2;
    }
    return midpoints;
  }

  /// Index that the number zero gets.
  public int zero() {
    return this == NF4 ? Nf4.ZERO : 0;
  }
}
