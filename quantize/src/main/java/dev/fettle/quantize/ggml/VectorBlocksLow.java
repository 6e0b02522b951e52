package dev.fettle.quantize.ggml;

import static dev.fettle.quantize.ggml.Bytes.f16;
import static dev.fettle.quantize.ggml.Bytes.u8;
import static dev.fettle.quantize.ggml.Lanes.LANES;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import dev.fettle.tensor.kernel.NativeMemory;
import jdk.incubator.vector.IntVector;

/// Q2_K and Q3_K back to numbers, a vector at a time.
final class VectorBlocksLow {
  private VectorBlocksLow() {}

  static void fromQ2_K(long y, long x) {
    float d = f16(NativeMemory.ALL, y + 80);
    float dmin = f16(NativeMemory.ALL, y + 82);
    for (int half = 0; half < 2; half++) {
      for (int l = 0; l < 32; l += LANES) {
        IntVector four = Lanes.bytes(y + 16 + 32 * half + l);
        for (int j = 0; j < 4; j++) {
          int both = u8(NativeMemory.ALL, y + 8 * half + 2 * j + l / 16);
          IntVector codes = four.lanewise(LSHR, 2 * j).and(3);
          long at = x + 4 * (128 * half + 32 * j + l);
          Lanes.put(Lanes.toFloats(codes).mul(d * (both & 15)).sub(dmin * (both >> 4)), at);
        }
      }
    }
  }

  static void fromQ3_K(long y, long x) {
    float d = f16(NativeMemory.ALL, y + 108);
    for (int half = 0; half < 2; half++) {
      for (int l = 0; l < 32; l += LANES) {
        IntVector four = Lanes.bytes(y + 32 + 32 * half + l);
        IntVector thirds = Lanes.bytes(y + l).lanewise(LSHR, 4 * half);
        for (int j = 0; j < 4; j++) {
          IntVector third = thirds.lanewise(LSHR, j).and(1).lanewise(LSHL, 2);
          IntVector codes = four.lanewise(LSHR, 2 * j).and(3).or(third).sub(4);
          float scale = d * scale(y + 96, 8 * half + 2 * j + l / 16);
          Lanes.put(Lanes.toFloats(codes).mul(scale), x + 4 * (128 * half + 32 * j + l));
        }
      }
    }
  }

  /// As [ScalarBlocksLow#scale], without a segment of the block.
  private static int scale(long at, int j) {
    int pair = u8(NativeMemory.ALL, at + j % 8);
    int upper = u8(NativeMemory.ALL, at + 8 + j % 4) >> (j / 4 * 2) & 3;
    return (j < 8 ? pair & 15 : pair >> 4) + (upper << 4) - 32;
  }
}
