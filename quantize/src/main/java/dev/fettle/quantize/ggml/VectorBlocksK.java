package dev.fettle.quantize.ggml;

import static dev.fettle.quantize.ggml.Bytes.f16;
import static dev.fettle.quantize.ggml.Bytes.i8;
import static dev.fettle.quantize.ggml.Lanes.LANES;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import dev.fettle.tensor.kernel.NativeMemory;
import jdk.incubator.vector.IntVector;

/// The formats with blocks of 256 back to numbers, a vector at a time.
final class VectorBlocksK {
  private VectorBlocksK() {}

  static void fromQ4_K(long y, long x) {
    float d = f16(NativeMemory.ALL, y);
    float dmin = f16(NativeMemory.ALL, y + 2);
    for (int j = 0; j < 8; j += 2) {
      for (int l = 0; l < 32; l += LANES) {
        IntVector pairs = Lanes.bytes(y + 16 + 16 * j + l);
        long at = x + 4 * (32 * j + l);
        putAffine(pairs.and(15), y, d, dmin, j, at);
        putAffine(pairs.lanewise(LSHR, 4), y, d, dmin, j + 1, at + 128);
      }
    }
  }

  static void fromQ5_K(long y, long x) {
    float d = f16(NativeMemory.ALL, y);
    float dmin = f16(NativeMemory.ALL, y + 2);
    for (int j = 0; j < 8; j += 2) {
      for (int l = 0; l < 32; l += LANES) {
        IntVector fifth = Lanes.bytes(y + 16 + l).lanewise(LSHR, j);
        IntVector pairs = Lanes.bytes(y + 48 + 16 * j + l);
        IntVector low = pairs.and(15).or(fifth.and(1).lanewise(LSHL, 4));
        IntVector high = pairs.lanewise(LSHR, 4).or(fifth.and(2).lanewise(LSHL, 3));
        long at = x + 4 * (32 * j + l);
        putAffine(low, y, d, dmin, j, at);
        putAffine(high, y, d, dmin, j + 1, at + 128);
      }
    }
  }

  private static void putAffine(IntVector codes, long y, float d, float dmin, int j, long at) {
    float scale = d * KScales.scale(NativeMemory.ALL, y + 4, j);
    float min = dmin * KScales.min(NativeMemory.ALL, y + 4, j);
    Lanes.put(Lanes.toFloats(codes).mul(scale).sub(min), at);
  }

  static void fromQ6_K(long y, long x) {
    float d = f16(NativeMemory.ALL, y + 208);
    for (int half = 0; half < 2; half++) {
      for (int l = 0; l < 32; l += LANES) {
        IntVector a = Lanes.bytes(y + 64 * half + l);
        IntVector b = Lanes.bytes(y + 64 * half + 32 + l);
        IntVector high = Lanes.bytes(y + 128 + 32 * half + l);
        long scale = y + 192 + 8 * half + l / 16;
        long at = x + 4 * (128 * half + l);
        putSymmetric(a.and(15), high, d * i8(NativeMemory.ALL, scale), at);
        putSymmetric(
            b.and(15), high.lanewise(LSHR, 2), d * i8(NativeMemory.ALL, scale + 2), at + 128);
        putSymmetric(
            a.lanewise(LSHR, 4),
            high.lanewise(LSHR, 4),
            d * i8(NativeMemory.ALL, scale + 4),
            at + 256);
        putSymmetric(
            b.lanewise(LSHR, 4),
            high.lanewise(LSHR, 6),
            d * i8(NativeMemory.ALL, scale + 6),
            at + 384);
      }
    }
  }

  private static void putSymmetric(IntVector low, IntVector high, float scale, long at) {
    IntVector codes = low.or(high.and(3).lanewise(LSHL, 4)).sub(32);
    Lanes.put(Lanes.toFloats(codes).mul(scale), at);
  }
}
