package dev.fettle.quantize.ggml;

import static dev.fettle.quantize.ggml.Bytes.f16;
import static dev.fettle.quantize.ggml.Bytes.i32;
import static dev.fettle.quantize.ggml.Bytes.i8;
import static dev.fettle.quantize.ggml.Bytes.u8;
import static dev.fettle.quantize.ggml.Lanes.FLOATS;
import static dev.fettle.quantize.ggml.Lanes.LANES;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import dev.fettle.tensor.kernel.NativeMemory;
import dev.fettle.tensor.kernel.VectorSupport;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// Products of packed rows with numbers, a vector at a time, without the row ever being in memory
/// unpacked. A weight is the same float32 number as when it is dequantized. Four-bit codes are
/// looked up in a table in registers that holds the sixteen weights of their scale.
///
/// Each method multiplies the `count` weights from address `y` on with `x[from]`, `x[from + 1]`, ….
final class VectorDots {
  private static final float[] CODES = new float[16];
  private static final float[] CODES_LESS_8 = new float[16];

  static {
    for (int code = 0; code < 16; code++) {
      CODES[code] = code;
      CODES_LESS_8[code] = code - 8;
    }
  }

  private VectorDots() {}

  static float q8_0(long y, int count, float[] x, int from) {
    FloatVector sum = FloatVector.zero(FLOATS);
    for (int k = 0; k < count; k += 32) {
      FloatVector part = Lanes.signedBytes(y + 2).mul(x(x, from + k));
      for (int i = LANES; i < 32; i += LANES) {
        part = Lanes.signedBytes(y + 2 + i).fma(x(x, from + k + i), part);
      }
      sum = part.fma(FloatVector.broadcast(FLOATS, f16(NativeMemory.ALL, y)), sum);
      y += 34;
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  static float q4_0(long y, int count, float[] x, int from) {
    FloatVector sum = FloatVector.zero(FLOATS);
    for (int k = 0; k < count; k += 32) {
      float d = f16(NativeMemory.ALL, y);
      FloatVector low = low(CODES_LESS_8).mul(d);
      FloatVector high = high(CODES_LESS_8).mul(d);
      sum = pairs(y + 2, 16, low, high, low, high, x, from + k, sum);
      y += 18;
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  static float q4_1(long y, int count, float[] x, int from) {
    FloatVector sum = FloatVector.zero(FLOATS);
    for (int k = 0; k < count; k += 32) {
      float d = f16(NativeMemory.ALL, y);
      float m = f16(NativeMemory.ALL, y + 2);
      FloatVector low = low(CODES).mul(d).add(m);
      FloatVector high = high(CODES).mul(d).add(m);
      sum = pairs(y + 4, 16, low, high, low, high, x, from + k, sum);
      y += 20;
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  static float iq4Nl(long y, int count, float[] x, int from) {
    FloatVector sum = FloatVector.zero(FLOATS);
    for (int k = 0; k < count; k += 32) {
      float d = f16(NativeMemory.ALL, y);
      FloatVector low = low(VectorBlocksTable.IQ4).mul(d);
      FloatVector high = high(VectorBlocksTable.IQ4).mul(d);
      sum = pairs(y + 2, 16, low, high, low, high, x, from + k, sum);
      y += 18;
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  static float iq4Xs(long y, int count, float[] x, int from) {
    FloatVector sum = FloatVector.zero(FLOATS);
    for (int k = 0; k < count; k += 32) {
      int j = k / 32 % 8;
      float d = f16(NativeMemory.ALL, y) * VectorBlocksTable.iq4Scale(y, j);
      FloatVector low = low(VectorBlocksTable.IQ4).mul(d);
      FloatVector high = high(VectorBlocksTable.IQ4).mul(d);
      sum = pairs(y + 8 + 16 * j, 16, low, high, low, high, x, from + k, sum);
      y += j == 7 ? 136 : 0;
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  static float mxfp4(long y, int count, float[] x, int from) {
    FloatVector sum = FloatVector.zero(FLOATS);
    for (int k = 0; k < count; k += 32) {
      float half = ScalarBlocksTable.halfScale(u8(NativeMemory.ALL, y));
      FloatVector low = low(VectorBlocksTable.E2M1_TWICE).mul(half);
      FloatVector high = high(VectorBlocksTable.E2M1_TWICE).mul(half);
      sum = pairs(y + 1, 16, low, high, low, high, x, from + k, sum);
      y += 17;
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  static float q4_K(long y, int count, float[] x, int from) {
    FloatVector sum = FloatVector.zero(FLOATS);
    for (int k = 0; k < count; k += 64) {
      int j = k / 32 % 8;
      float d = f16(NativeMemory.ALL, y);
      float dmin = f16(NativeMemory.ALL, y + 2);
      long scales = scales(y + 4) >>> (8 * j);
      long mins = mins(y + 4) >>> (8 * j);
      float scale = d * (scales & 63);
      float min = dmin * (mins & 63);
      float nextScale = d * (scales >>> 8 & 63);
      float nextMin = dmin * (mins >>> 8 & 63);
      FloatVector low = low(CODES).mul(scale).sub(min);
      FloatVector high = high(CODES).mul(scale).sub(min);
      FloatVector nextLow = low(CODES).mul(nextScale).sub(nextMin);
      FloatVector nextHigh = high(CODES).mul(nextScale).sub(nextMin);
      sum = pairs(y + 16 + 16 * j, 32, low, high, nextLow, nextHigh, x, from + k, sum);
      y += j == 6 ? 144 : 0;
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  static float q5_K(long y, int count, float[] x, int from) {
    FloatVector sum = FloatVector.zero(FLOATS);
    for (int k = 0; k < count; k += 64) {
      int j = k / 32 % 8;
      float d = f16(NativeMemory.ALL, y);
      float dmin = f16(NativeMemory.ALL, y + 2);
      long scales = scales(y + 4) >>> (8 * j);
      long mins = mins(y + 4) >>> (8 * j);
      float scale = d * (scales & 63);
      float min = dmin * (mins & 63);
      float nextScale = d * (scales >>> 8 & 63);
      float nextMin = dmin * (mins >>> 8 & 63);
      for (int l = 0; l < 32; l += LANES) {
        IntVector fifth = Lanes.bytes(y + 16 + l).lanewise(LSHR, j);
        IntVector codes = Lanes.bytes(y + 48 + 16 * j + l);
        IntVector low = codes.and(15).or(fifth.and(1).lanewise(LSHL, 4));
        IntVector high = codes.lanewise(LSHR, 4).or(fifth.and(2).lanewise(LSHL, 3));
        int at = from + k + l;
        sum = Lanes.toFloats(low).mul(scale).sub(min).fma(x(x, at), sum);
        sum = Lanes.toFloats(high).mul(nextScale).sub(nextMin).fma(x(x, at + 32), sum);
      }
      y += j == 6 ? 176 : 0;
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  static float q6_K(long y, int count, float[] x, int from) {
    FloatVector sum = FloatVector.zero(FLOATS);
    for (int k = 0; k < count; k += 128) {
      int half = k / 128 % 2;
      float d = f16(NativeMemory.ALL, y + 208);
      for (int l = 0; l < 32; l += LANES) {
        IntVector a = Lanes.bytes(y + 64 * half + l);
        IntVector b = Lanes.bytes(y + 64 * half + 32 + l);
        IntVector high = Lanes.bytes(y + 128 + 32 * half + l);
        long scale = y + 192 + 8 * half + l / 16;
        int at = from + k + l;
        sum = six(a.and(15), high, d * i8(NativeMemory.ALL, scale), x, at, sum);
        IntVector second = high.lanewise(LSHR, 2);
        sum = six(b.and(15), second, d * i8(NativeMemory.ALL, scale + 2), x, at + 32, sum);
        IntVector third = high.lanewise(LSHR, 4);
        IntVector upper = a.lanewise(LSHR, 4);
        sum = six(upper, third, d * i8(NativeMemory.ALL, scale + 4), x, at + 64, sum);
        IntVector fourth = high.lanewise(LSHR, 6);
        upper = b.lanewise(LSHR, 4);
        sum = six(upper, fourth, d * i8(NativeMemory.ALL, scale + 6), x, at + 96, sum);
      }
      y += half == 1 ? 210 : 0;
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  private static FloatVector six(
      IntVector low, IntVector high, float scale, float[] x, int at, FloatVector sum) {
    IntVector codes = low.or(high.and(3).lanewise(LSHL, 4)).sub(32);
    return Lanes.toFloats(codes).mul(scale).fma(x(x, at), sum);
  }

  private static FloatVector x(float[] x, int at) {
    return FloatVector.fromArray(FLOATS, x, at);
  }

  private static FloatVector low(float[] table) {
    return FloatVector.fromArray(FLOATS, table, 0);
  }

  /// The second half of a table that does not fit one register.
  private static FloatVector high(float[] table) {
    return FloatVector.fromArray(FLOATS, table, VectorSupport.WIDE ? 0 : 8);
  }

  /// Adds the products of two codes in each of `bytes` bytes: the low ones belong to the numbers
  /// from `at` on, the high ones to those `bytes` further. Each has a table in two halves.
  private static FloatVector pairs(
      long codes,
      int bytes,
      FloatVector low,
      FloatVector high,
      FloatVector nextLow,
      FloatVector nextHigh,
      float[] x,
      int at,
      FloatVector sum) {
    FloatVector next = FloatVector.zero(FLOATS);
    for (int j = 0; j < bytes; j += LANES) {
      IntVector pair = Lanes.bytes(codes + j);
      sum = lookUp(pair.and(15), low, high).fma(x(x, at + j), sum);
      IntVector upper = pair.lanewise(LSHR, 4);
      next = lookUp(upper, nextLow, nextHigh).fma(x(x, at + bytes + j), next);
    }
    return sum.add(next);
  }

  private static FloatVector lookUp(IntVector index, FloatVector low, FloatVector high) {
    IntVector bits = index.selectFrom(low.reinterpretAsInts());
    if (!VectorSupport.WIDE) {
      IntVector others = index.selectFrom(high.reinterpretAsInts());
      bits = bits.blend(others, index.compare(VectorOperators.GE, 8));
    }
    return bits.reinterpretAsFloats();
  }

  /// The eight scales of [KScales], one in each byte.
  private static long scales(long at) {
    int first = i32(NativeMemory.ALL, at);
    int last = i32(NativeMemory.ALL, at + 8);
    return unpack(first, last);
  }

  /// The eight offsets of [KScales], one in each byte.
  private static long mins(long at) {
    int first = i32(NativeMemory.ALL, at + 4);
    int last = i32(NativeMemory.ALL, at + 8);
    return unpack(first, last >>> 4);
  }

  private static long unpack(int first, int last) {
    int upper = last & 0x0F0F0F0F | (first >>> 6 & 0x03030303) << 4;
    return first & 0x3F3F3F3FL | (long) upper << 32;
  }
}
