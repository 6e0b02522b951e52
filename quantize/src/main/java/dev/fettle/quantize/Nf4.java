package dev.fettle.quantize;

/// The constants of 4-bit NormalFloat, as bitsandbytes has them.
public final class Nf4 {
  /// The sixteen levels, ascending. Source: QLoRA (arXiv:2305.14314), appendix E.
  private static final int[] CODE_BITS = {
    0xbf800000, 0xbf3239b1, 0xbf066b30, 0xbeca32a0, 0xbe91a24d, 0xbe3d353f, 0xbdba7871, 0x00000000,
    0x3da2faff, 0x3e24cae3, 0x3e7c04dd, 0x3ead033a, 0x3ee1a4b8, 0x3f1007ab, 0x3f3913b3, 0x3f800000
  };

  /// Index of the level 0.0.
  public static final int ZERO = 7;

  /// Blocks are normalised by at least this, so that an all-zero block becomes zeros.
  public static final float MIN_ABSMAX = 1e-38f;

  private Nf4() {}

  /// A copy of the sixteen levels.
  public static float[] code() {
    float[] code = new float[CODE_BITS.length];
    for (int i = 0; i < code.length; i++) {
      code[i] = Float.intBitsToFloat(CODE_BITS[i]);
    }
    return code;
  }

  /// The fifteen midpoints between neighbouring levels, in float32. A normalised weight has as its
  /// index the number of midpoints below it, so one exactly on a midpoint goes to the lower level.
  public static float[] midpoints() {
    float[] code = code();
    float[] midpoints = new float[code.length - 1];
    for (int i = 0; i < midpoints.length; i++) {
      midpoints[i] = (code[i] + code[i + 1]) / 2;
    }
    return midpoints;
  }
}
