package dev.fettle.quantize.kernel;

import dev.fettle.tensor.kernel.VectorSupport;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// The smallest and largest weight of a run, compared as integers of the same order: a NaN lies
/// beyond one of the infinities. Results hold the smallest in the upper and the largest in the
/// lower half.
final class AffineRanges {
  private static final VectorSpecies<Integer> INTS = VectorSupport.INTS;
  private static final int LANES = VectorSupport.LANES;
  private static final int INFINITY = 0x7F800000;
  private static final int MINUS_INFINITY = ~INFINITY;

  private AffineRanges() {}

  static long f32(long weight, int from, int to) {
    IntVector least = IntVector.broadcast(INTS, Integer.MAX_VALUE);
    IntVector greatest = IntVector.broadcast(INTS, Integer.MIN_VALUE);
    for (int i = from; i < to; i += LANES) {
      IntVector ordered = ordered(WeightLanes.f32Bits(weight, i));
      least = least.min(ordered);
      greatest = greatest.max(ordered);
    }
    return both(least, greatest);
  }

  static long f16(long weight, int from, int to) {
    IntVector least = IntVector.broadcast(INTS, Integer.MAX_VALUE);
    IntVector greatest = IntVector.broadcast(INTS, Integer.MIN_VALUE);
    for (int i = from; i < to; i += LANES) {
      IntVector ordered = ordered(WeightLanes.f16Bits(weight, i));
      least = least.min(ordered);
      greatest = greatest.max(ordered);
    }
    return both(least, greatest);
  }

  static long bf16(long weight, int from, int to) {
    IntVector least = IntVector.broadcast(INTS, Integer.MAX_VALUE);
    IntVector greatest = IntVector.broadcast(INTS, Integer.MIN_VALUE);
    for (int i = from; i < to; i += LANES) {
      IntVector ordered = ordered(WeightLanes.bf16Bits(weight, i));
      least = least.min(ordered);
      greatest = greatest.max(ordered);
    }
    return both(least, greatest);
  }

  private static IntVector ordered(IntVector bits) {
    return bits.lanewise(VectorOperators.ASHR, 31)
        .and(0x7FFFFFFF)
        .lanewise(VectorOperators.XOR, bits);
  }

  private static long both(IntVector least, IntVector greatest) {
    int low = least.reduceLanes(VectorOperators.MIN);
    int high = greatest.reduceLanes(VectorOperators.MAX);
    return (long) low << 32 | (high & 0xFFFFFFFFL);
  }

  /// Widens a run's range by one of the results above.
  static void widen(long range, int run, float[] min, float[] max) {
    int low = (int) (range >> 32);
    int high = (int) range;
    if (low < MINUS_INFINITY || high > INFINITY) {
      min[run] = Float.NaN;
      max[run] = Float.NaN;
    } else {
      min[run] = Math.min(min[run], number(low));
      max[run] = Math.max(max[run], number(high));
    }
  }

  private static float number(int ordered) {
    return Float.intBitsToFloat(ordered ^ ((ordered >> 31) & 0x7FFFFFFF));
  }
}
