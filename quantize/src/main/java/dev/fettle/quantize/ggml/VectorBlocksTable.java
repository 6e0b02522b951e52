package dev.fettle.quantize.ggml;

import static dev.fettle.quantize.ggml.Bytes.f16;
import static dev.fettle.quantize.ggml.Bytes.u8;
import static dev.fettle.quantize.ggml.Lanes.LANES;
import static jdk.incubator.vector.VectorOperators.LSHR;

import dev.fettle.tensor.kernel.NativeMemory;
import dev.fettle.tensor.kernel.VectorSupport;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// The formats whose 4-bit codes are places in a table back to numbers. All weights under one scale
/// share it, so the sixteen numbers are scaled once, and each weight is one lookup in registers.
final class VectorBlocksTable {
  static final float[] IQ4 = new float[16];
  static final float[] E2M1_TWICE = new float[16];

  static {
    for (int code = 0; code < 16; code++) {
      IQ4[code] = ScalarBlocksTable.IQ4[code];
      int magnitude = ScalarBlocksTable.E2M1_TWICE[code & 7];
      E2M1_TWICE[code] = code < 8 ? magnitude : -magnitude;
    }
  }

  private VectorBlocksTable() {}

  static void fromIq4Nl(long y, long x) {
    lookUp(IQ4, f16(NativeMemory.ALL, y), y + 2, x);
  }

  static void fromIq4Xs(long y, long x) {
    float d = f16(NativeMemory.ALL, y);
    for (int j = 0; j < 8; j++) {
      lookUp(IQ4, d * iq4Scale(y, j), y + 8 + 16 * j, x + 128 * j);
    }
  }

  /// As [ScalarBlocksTable#scale], without a segment of the block.
  static int iq4Scale(long y, int j) {
    int low = u8(NativeMemory.ALL, y + 4 + j / 2) >> (4 * (j % 2)) & 15;
    int high = u8(NativeMemory.ALL, y + 2 + j / 4) >> (2 * (j % 4)) & 3;
    return (low | high << 4) - 32;
  }

  static void fromMxfp4(long y, long x) {
    lookUp(E2M1_TWICE, ScalarBlocksTable.halfScale(u8(NativeMemory.ALL, y)), y + 1, x);
  }

  /// Converts 32 codes in 16 bytes.
  private static void lookUp(float[] table, float scale, long codes, long x) {
    IntVector low = FloatVector.fromArray(Lanes.FLOATS, table, 0).mul(scale).reinterpretAsInts();
    IntVector high =
        VectorSupport.WIDE
            ? low
            : FloatVector.fromArray(Lanes.FLOATS, table, 8).mul(scale).reinterpretAsInts();
    for (int j = 0; j < 16; j += LANES) {
      IntVector pairs = Lanes.bytes(codes + j);
      put(pairs.and(15), low, high, x + 4 * j);
      put(pairs.lanewise(LSHR, 4), low, high, x + 4 * (j + 16));
    }
  }

  private static void put(IntVector index, IntVector low, IntVector high, long at) {
    IntVector bits = index.selectFrom(low);
    if (!VectorSupport.WIDE) {
      bits = bits.blend(index.selectFrom(high), index.compare(VectorOperators.GE, 8));
    }
    Lanes.put(bits.reinterpretAsFloats(), at);
  }
}
