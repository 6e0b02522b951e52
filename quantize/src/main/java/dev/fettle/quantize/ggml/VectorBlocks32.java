package dev.fettle.quantize.ggml;

import static dev.fettle.quantize.ggml.Bytes.f16;
import static dev.fettle.quantize.ggml.Bytes.f32;
import static dev.fettle.quantize.ggml.Bytes.putF16;
import static dev.fettle.quantize.ggml.Bytes.putI32;
import static dev.fettle.quantize.ggml.Lanes.LANES;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import dev.fettle.tensor.kernel.NativeMemory;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// The formats with blocks of 32, a vector at a time. Each method converts one block: weights from
/// address `x` on, the block from address `y` on.
final class VectorBlocks32 {
  private static final int N = 32;
  private static final int HALF = 16;
  private static final int[] IOTA = new int[LANES];

  static {
    for (int lane = 0; lane < LANES; lane++) {
      IOTA[lane] = lane;
    }
  }

  private VectorBlocks32() {}

  static void toQ8_0(long x, long y) {
    float d = Float.intBitsToFloat(largestMagnitude(x)) / 127;
    float id = ScalarBlocks32.reciprocal(d);
    putF16(NativeMemory.ALL, y, d);
    for (int i = 0; i < N; i += LANES) {
      FloatVector value = Lanes.floats(x + 4 * i).mul(id);
      Lanes.putBytes(roundHalfAway(value), y + 2 + i);
    }
  }

  /// For magnitudes below 2^22. Adding 2^23 rounds ties to even; those that went down go up again.
  private static IntVector roundHalfAway(FloatVector value) {
    FloatVector magnitude = value.abs();
    FloatVector sum = magnitude.add(0x1p23f);
    IntVector rounded = sum.reinterpretAsInts().and(0x7FFFFF);
    VectorMask<Float> down = magnitude.sub(sum.sub(0x1p23f)).compare(VectorOperators.EQ, 0.5f);
    IntVector away = rounded.add(1, down.cast(Lanes.INTS));
    return away.blend(away.neg(), value.compare(VectorOperators.LT, 0).cast(Lanes.INTS));
  }

  /// As float bits.
  private static int largestMagnitude(long x) {
    IntVector largest = IntVector.zero(Lanes.INTS);
    for (int i = 0; i < N; i += LANES) {
      largest = largest.max(Lanes.bits(x + 4 * i).and(0x7FFFFFFF));
    }
    return largest.reduceLanes(VectorOperators.MAX);
  }

  /// The weight of largest magnitude, the first of several; 0.0 where all are zero.
  private static float largest(long x) {
    int magnitude = largestMagnitude(x);
    if (magnitude == 0) {
      return 0;
    }
    long found = 0;
    for (int i = 0; i < N; i += LANES) {
      IntVector bits = Lanes.bits(x + 4 * i).and(0x7FFFFFFF);
      found |= bits.compare(VectorOperators.EQ, magnitude).toLong() << i;
    }
    return f32(NativeMemory.ALL, x + 4L * Long.numberOfTrailingZeros(found));
  }

  static void toQ4_0(long x, long y) {
    float d = largest(x) / -8;
    float id = ScalarBlocks32.reciprocal(d);
    putF16(NativeMemory.ALL, y, d);
    for (int j = 0; j < HALF; j += LANES) {
      IntVector low = symmetric(x + 4 * j, id, 15);
      IntVector high = symmetric(x + 4 * (j + HALF), id, 15);
      Lanes.putBytes(low.or(high.lanewise(LSHL, 4)), y + 2 + j);
    }
  }

  static void toQ5_0(long x, long y) {
    float d = largest(x) / -16;
    float id = ScalarBlocks32.reciprocal(d);
    putF16(NativeMemory.ALL, y, d);
    int fifth = 0;
    for (int j = 0; j < HALF; j += LANES) {
      IntVector low = symmetric(x + 4 * j, id, 31);
      IntVector high = symmetric(x + 4 * (j + HALF), id, 31);
      Lanes.putBytes(low.and(15).or(high.lanewise(LSHL, 4)), y + 6 + j);
      fifth |= fifthBits(low) << j | fifthBits(high) << (j + HALF);
    }
    putI32(NativeMemory.ALL, y + 2, fifth);
  }

  private static IntVector symmetric(long x, float id, int top) {
    FloatVector value = Lanes.floats(x).mul(id).add((top + 1) / 2 + 0.5f);
    return Lanes.truncate(value).min(top);
  }

  /// One bit per lane.
  private static int fifthBits(IntVector codes) {
    return (int) codes.compare(VectorOperators.GT, 15).toLong();
  }

  static void toQ4_1(long x, long y) {
    float min = least(x);
    float d = (greatest(x) - min) / 15;
    float id = ScalarBlocks32.reciprocal(d);
    putF16(NativeMemory.ALL, y, d);
    putF16(NativeMemory.ALL, y + 2, min);
    for (int j = 0; j < HALF; j += LANES) {
      IntVector low = affine(x + 4 * j, min, id, 15);
      IntVector high = affine(x + 4 * (j + HALF), min, id, 15);
      Lanes.putBytes(low.or(high.lanewise(LSHL, 4)), y + 4 + j);
    }
  }

  static void toQ5_1(long x, long y) {
    float min = least(x);
    float d = (greatest(x) - min) / 31;
    float id = ScalarBlocks32.reciprocal(d);
    putF16(NativeMemory.ALL, y, d);
    putF16(NativeMemory.ALL, y + 2, min);
    int fifth = 0;
    for (int j = 0; j < HALF; j += LANES) {
      IntVector low = affine(x + 4 * j, min, id, 31);
      IntVector high = affine(x + 4 * (j + HALF), min, id, 31);
      Lanes.putBytes(low.and(15).or(high.lanewise(LSHL, 4)), y + 8 + j);
      fifth |= fifthBits(low) << j | fifthBits(high) << (j + HALF);
    }
    putI32(NativeMemory.ALL, y + 4, fifth);
  }

  private static IntVector affine(long x, float min, float id, int top) {
    FloatVector value = Lanes.floats(x).sub(min).mul(id).add(0.5f);
    return Lanes.truncate(value).min(top);
  }

  /// Float bits to integers of the same order, and back; -0.0 comes below 0.0.
  private static IntVector ordered(IntVector bits) {
    return bits.lanewise(VectorOperators.ASHR, 31)
        .and(0x7FFFFFFF)
        .lanewise(VectorOperators.XOR, bits);
  }

  private static float unordered(int key) {
    return Float.intBitsToFloat(key ^ ((key >> 31) & 0x7FFFFFFF));
  }

  private static float greatest(long x) {
    IntVector greatest = ordered(Lanes.bits(x));
    for (int i = LANES; i < N; i += LANES) {
      greatest = greatest.max(ordered(Lanes.bits(x + 4 * i)));
    }
    return unordered(greatest.reduceLanes(VectorOperators.MAX));
  }

  /// Where it is zero, the first one: its sign is stored.
  private static float least(long x) {
    IntVector least = ordered(Lanes.bits(x));
    for (int i = LANES; i < N; i += LANES) {
      least = least.min(ordered(Lanes.bits(x + 4 * i)));
    }
    float min = unordered(least.reduceLanes(VectorOperators.MIN));
    for (int i = 0; min == 0 && i < N; i++) {
      float value = f32(NativeMemory.ALL, x + 4 * i);
      if (value == 0) {
        return value;
      }
    }
    return min;
  }

  static void fromQ8_0(long y, long x) {
    float d = f16(NativeMemory.ALL, y);
    for (int i = 0; i < N; i += LANES) {
      Lanes.put(Lanes.signedBytes(y + 2 + i).mul(d), x + 4 * i);
    }
  }

  static void fromQ4_0(long y, long x) {
    float d = f16(NativeMemory.ALL, y);
    for (int j = 0; j < HALF; j += LANES) {
      IntVector pairs = Lanes.bytes(y + 2 + j);
      Lanes.put(Lanes.toFloats(pairs.and(15).sub(8)).mul(d), x + 4 * j);
      IntVector high = pairs.lanewise(LSHR, 4);
      Lanes.put(Lanes.toFloats(high.sub(8)).mul(d), x + 4 * (j + HALF));
    }
  }

  static void fromQ4_1(long y, long x) {
    float d = f16(NativeMemory.ALL, y);
    float m = f16(NativeMemory.ALL, y + 2);
    for (int j = 0; j < HALF; j += LANES) {
      IntVector pairs = Lanes.bytes(y + 4 + j);
      Lanes.put(Lanes.toFloats(pairs.and(15)).mul(d).add(m), x + 4 * j);
      IntVector high = pairs.lanewise(LSHR, 4);
      Lanes.put(Lanes.toFloats(high).mul(d).add(m), x + 4 * (j + HALF));
    }
  }

  static void fromQ5_0(long y, long x) {
    float d = f16(NativeMemory.ALL, y);
    int fifth = Bytes.i32(NativeMemory.ALL, y + 2);
    for (int j = 0; j < HALF; j += LANES) {
      IntVector pairs = Lanes.bytes(y + 6 + j);
      IntVector low = pairs.and(15).or(fifth(fifth, j));
      Lanes.put(Lanes.toFloats(low.sub(16)).mul(d), x + 4 * j);
      IntVector high = pairs.lanewise(LSHR, 4).or(fifth(fifth, j + HALF));
      Lanes.put(Lanes.toFloats(high.sub(16)).mul(d), x + 4 * (j + HALF));
    }
  }

  static void fromQ5_1(long y, long x) {
    float d = f16(NativeMemory.ALL, y);
    float m = f16(NativeMemory.ALL, y + 2);
    int fifth = Bytes.i32(NativeMemory.ALL, y + 4);
    for (int j = 0; j < HALF; j += LANES) {
      IntVector pairs = Lanes.bytes(y + 8 + j);
      IntVector low = pairs.and(15).or(fifth(fifth, j));
      Lanes.put(Lanes.toFloats(low).mul(d).add(m), x + 4 * j);
      IntVector high = pairs.lanewise(LSHR, 4).or(fifth(fifth, j + HALF));
      Lanes.put(Lanes.toFloats(high).mul(d).add(m), x + 4 * (j + HALF));
    }
  }

  /// Bit `at + lane` of `bits`, as 16 or 0.
  private static IntVector fifth(int bits, int at) {
    IntVector shift = IntVector.fromArray(Lanes.INTS, IOTA, 0);
    return IntVector.broadcast(Lanes.INTS, bits >>> at)
        .lanewise(LSHR, shift)
        .and(1)
        .lanewise(LSHL, 4);
  }
}
