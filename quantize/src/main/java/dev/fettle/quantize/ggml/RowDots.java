package dev.fettle.quantize.ggml;

import static dev.fettle.quantize.ggml.Bytes.f16;
import static dev.fettle.quantize.ggml.Bytes.i32;
import static dev.fettle.quantize.ggml.Bytes.i8;
import static dev.fettle.quantize.ggml.Bytes.u8;
import static dev.fettle.tensor.kernel.NativeMemory.ALL;

import dev.fettle.quantize.GgmlType;
import dev.fettle.quantize.ggml.VectorDots.Codes;

/// What [VectorDots] needs of each format: the scales and offsets of a row as float32, and where
/// its codes are. The row begins at address `y`.
final class RowDots {
  private static final float[] CODES = new float[16];
  private static final float[] CODES_LESS_8 = new float[16];

  static {
    for (int code = 0; code < 16; code++) {
      CODES[code] = code;
      CODES_LESS_8[code] = code - 8;
    }
  }

  private RowDots() {}

  /// @param count weights of the row
  static float dot(GgmlType type, long y, int count, float[] x, int from) {
    int bytes = type.blockBytes();
    float[] scales = new float[count / (type == GgmlType.Q6_K ? 16 : 32)];
    float[] mins = new float[scales.length];
    return switch (type) {
      case Q8_0 -> {
        halves(y, bytes, scales);
        yield VectorDots.bytes(new Codes(y + 2, bytes, 1, 0), scales, x, from);
      }
      case Q4_0 -> {
        halves(y, bytes, scales);
        Codes codes = new Codes(y + 2, bytes, 1, 0);
        yield VectorDots.pairs16(codes, CODES_LESS_8, scales, mins, x, from);
      }
      case Q4_1 -> {
        halves(y, bytes, scales);
        halves(y + 2, bytes, mins);
        for (int i = 0; i < mins.length; i++) {
          mins[i] = -mins[i];
        }
        Codes codes = new Codes(y + 4, bytes, 1, 0);
        yield VectorDots.pairs16(codes, CODES, scales, mins, x, from);
      }
      case IQ4_NL -> {
        halves(y, bytes, scales);
        Codes codes = new Codes(y + 2, bytes, 1, 0);
        yield VectorDots.pairs16(codes, VectorBlocksTable.IQ4, scales, mins, x, from);
      }
      case IQ4_XS -> {
        for (int g = 0; g < scales.length; g++) {
          long block = y + (long) (g / 8) * bytes;
          scales[g] = f16(ALL, block) * VectorBlocksTable.iq4Scale(block, g % 8);
        }
        Codes codes = new Codes(y + 8, bytes, 8, 16);
        yield VectorDots.pairs16(codes, VectorBlocksTable.IQ4, scales, mins, x, from);
      }
      case MXFP4 -> {
        for (int g = 0; g < scales.length; g++) {
          scales[g] = ScalarBlocksTable.halfScale(u8(ALL, y + (long) g * bytes));
        }
        Codes codes = new Codes(y + 1, bytes, 1, 0);
        yield VectorDots.pairs16(codes, VectorBlocksTable.E2M1_TWICE, scales, mins, x, from);
      }
      case Q4_K -> {
        affine(y, bytes, scales, mins);
        yield VectorDots.pairs32(new Codes(y + 16, bytes, 4, 32), CODES, scales, mins, x, from);
      }
      case Q5_K -> {
        affine(y, bytes, scales, mins);
        Codes fifths = new Codes(y + 16, bytes, 8, 0);
        yield VectorDots.fives(new Codes(y + 48, bytes, 4, 32), fifths, scales, mins, x, from);
      }
      case Q6_K -> {
        for (int g = 0; g < scales.length; g++) {
          long block = y + (long) (g / 16) * bytes;
          scales[g] = f16(ALL, block + 208) * i8(ALL, block + 192 + g % 16);
        }
        Codes highs = new Codes(y + 128, bytes, 2, 32);
        yield VectorDots.sixes(new Codes(y, bytes, 2, 64), highs, scales, x, from);
      }
      case Q5_0, Q5_1, Q2_K, Q3_K -> throw new IllegalArgumentException(type.text());
    };
  }

  /// One float16 number per block.
  private static void halves(long y, int blockBytes, float[] numbers) {
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = f16(ALL, y + (long) i * blockBytes);
    }
  }

  /// Eight of each per block of Q4_K or Q5_K, see [KScales].
  private static void affine(long y, int blockBytes, float[] scales, float[] mins) {
    for (int g = 0; g < scales.length; g += 8) {
      long block = y + (long) (g / 8) * blockBytes;
      float d = f16(ALL, block);
      float dmin = f16(ALL, block + 2);
      int upper = i32(ALL, block + 12);
      long s = unpack(i32(ALL, block + 4), upper);
      long m = unpack(i32(ALL, block + 8), upper >>> 4);
      for (int j = 0; j < 8; j++) {
        scales[g + j] = d * (s >>> (8 * j) & 63);
        mins[g + j] = dmin * (m >>> (8 * j) & 63);
      }
    }
  }

  /// Eight 6-bit numbers, one in each byte.
  private static long unpack(int first, int last) {
    int upper = last & 0x0F0F0F0F | (first >>> 6 & 0x03030303) << 4;
    return first & 0x3F3F3F3FL | (long) upper << 32;
  }
}
