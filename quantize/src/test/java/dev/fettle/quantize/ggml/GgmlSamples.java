package dev.fettle.quantize.ggml;

/// Weights that the block formats are tested with. `tools/golden/make_ggml.py` makes the same ones;
/// a change here needs new golden values.
final class GgmlSamples {
  private static final int COUNT = 1 << 18;
  private static final int SPECIAL = 13;

  private GgmlSamples() {}

  /// Bell-shaped numbers, blocks of 256 at seven scales; then blocks that are special: zeros,
  /// constants, signed zeros, two values, very small and very large ones, one outlier.
  static float[] values() {
    float[] values = new float[COUNT + 256 * SPECIAL];
    for (int i = 0; i < COUNT; i++) {
      values[i] = bell(i) * (1 + (i / 256 % 7) * 0.37f);
    }
    for (int i = 0; i < 256 * SPECIAL; i++) {
      values[COUNT + i] = special(i / 256, i % 256);
    }
    return values;
  }

  /// Columns of a row; they divide the samples.
  static final int ROW = 17 * 256;

  /// Of each column: fourth powers of hashed numbers from 0 to 1, and a run of zeros.
  static float[] importance() {
    float[] importance = new float[ROW];
    for (int i = 0; i < ROW; i++) {
      float u = (hash(i) & 0xFFFF) * 0x1p-16f;
      importance[i] = i >= 64 && i < 96 ? 0 : u * u * u * u;
    }
    return importance;
  }

  private static float special(int block, int i) {
    return switch (block) {
      case 0 -> 0;
      case 1 -> 1.5f;
      case 2 -> -0.75f;
      case 3 -> 0 * i - 0.0f;
      case 4 -> i % 2 == 0 ? 2 : -2;
      case 5 -> i * 1e-9f;
      case 6 -> i * 0x1p-8f;
      case 7 -> i * -0x1p-8f;
      case 8 -> i == 77 ? 1000 : 0.01f;
      case 9 -> bell(i) * 0x1p-20f;
      case 10 -> bell(i) * 1e-20f;
      case 11 -> bell(i) * 250000;
      case 12 -> i % 3 == 0 ? -0.0f : i % 3 == 1 ? 0 : i;
      default -> throw new IllegalArgumentException("block " + block);
    };
  }

  /// The sum of four hashed 16-bit numbers less its mean, times 2^-20.
  private static float bell(int i) {
    long h = hash(i);
    long sum = (h & 0xFFFF) + (h >>> 16 & 0xFFFF) + (h >>> 32 & 0xFFFF) + (h >>> 48);
    return (sum - 131070) * 0x1p-20f;
  }

  /// The finalizer of SplitMix64.
  private static long hash(int i) {
    long z = (i + 1) * 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
