package dev.fettle.quantize.kernel;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.kernel.VectorSupport;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// The same bytes as the scalar twin, a vector of weights at a time. Scales are one per weight or
/// shared by whole vectors; other rows, their ends and heap segments go to the scalar twin.
public final class VectorAffineKernels implements AffineKernels {
  private static final VectorSpecies<Float> FLOATS = VectorSupport.FLOATS;
  private static final VectorSpecies<Integer> INTS = VectorSupport.INTS;
  private static final int LANES = VectorSupport.LANES;

  /// Adding this leaves a number below 2^22, rounded to nearest even, in the low bits of the sum.
  private static final float TO_INTEGER = 0x1.8p23f;

  /// Beyond every code and zero point; larger quotients are cut off here before they are rounded.
  private static final float BEYOND = 1024;

  /// The ordered bits of positive and negative infinity.
  private static final int INFINITY = 0x7F800000;

  private static final int MINUS_INFINITY = ~INFINITY;

  @Override
  public void ranges(
      MemorySegment weight, DType dtype, int count, int groupSize, float[] min, float[] max) {
    int bound = weight.isNative() ? wholeVectors(count, groupSize) : 0;
    if (groupSize == 1) {
      for (int i = 0; i < bound; i += LANES) {
        FloatVector value = WeightLanes.load(weight, dtype, i);
        FloatVector.fromArray(FLOATS, min, i).min(value).intoArray(min, i);
        FloatVector.fromArray(FLOATS, max, i).max(value).intoArray(max, i);
      }
    } else {
      for (int start = 0, run = 0; start < bound; start += groupSize, run++) {
        range(weight, dtype, start, Math.min(bound, start + groupSize), run, min, max);
      }
    }
    ScalarAffineKernels.ranges(weight, dtype, bound, count, groupSize, min, max);
  }

  /// Compares as integers of the same order; a NaN lies beyond one of the infinities.
  private static void range(
      MemorySegment weight, DType dtype, int from, int to, int run, float[] min, float[] max) {
    IntVector least = IntVector.broadcast(INTS, Integer.MAX_VALUE);
    IntVector greatest = IntVector.broadcast(INTS, Integer.MIN_VALUE);
    for (int i = from; i < to; i += LANES) {
      IntVector bits = WeightLanes.bits(weight, dtype, i);
      IntVector ordered =
          bits.lanewise(VectorOperators.ASHR, 31)
              .and(0x7FFFFFFF)
              .lanewise(VectorOperators.XOR, bits);
      least = least.min(ordered);
      greatest = greatest.max(ordered);
    }
    int low = least.reduceLanes(VectorOperators.MIN);
    int high = greatest.reduceLanes(VectorOperators.MAX);
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

  @Override
  public void quantize(
      MemorySegment weight,
      DType dtype,
      int count,
      int groupSize,
      float[] scales,
      float[] zeros,
      CodeRange range,
      MemorySegment codes) {
    int bits = range.bits();
    int bound = vectorBound(weight, count, groupSize, bits, codes);
    if (groupSize == 1) {
      for (int i = 0; i < bound; i += LANES) {
        FloatVector scale = FloatVector.fromArray(FLOATS, scales, i);
        FloatVector zero = FloatVector.fromArray(FLOATS, zeros, i);
        IntVector code = round(WeightLanes.load(weight, dtype, i).div(scale), zero, range);
        CodeLanes.store(code, codes, bits, i);
      }
    } else {
      for (int start = 0, run = 0; start < bound; start += groupSize, run++) {
        FloatVector scale = FloatVector.broadcast(FLOATS, scales[run]);
        FloatVector zero = FloatVector.broadcast(FLOATS, zeros[run]);
        int end = Math.min(bound, start + groupSize);
        for (int i = start; i < end; i += LANES) {
          IntVector code = round(WeightLanes.load(weight, dtype, i).div(scale), zero, range);
          CodeLanes.store(code, codes, bits, i);
        }
      }
    }
    ScalarAffineKernels.quantize(
        weight, dtype, bound, count, groupSize, scales, zeros, range, codes);
  }

  private static IntVector round(FloatVector quotient, FloatVector zero, CodeRange range) {
    FloatVector rounded =
        quotient.max(-BEYOND).min(BEYOND).add(TO_INTEGER).sub(TO_INTEGER).add(zero);
    return rounded.max(range.min()).min(range.max()).add(TO_INTEGER).reinterpretAsInts();
  }

  @Override
  public void dequantize(
      MemorySegment codes,
      int bits,
      int count,
      int groupSize,
      float[] scales,
      float[] zeros,
      DType target,
      MemorySegment out) {
    int bound = vectorBound(out, count, groupSize, bits, codes);
    if (groupSize == 1) {
      for (int i = 0; i < bound; i += LANES) {
        FloatVector scale = FloatVector.fromArray(FLOATS, scales, i);
        FloatVector zero = FloatVector.fromArray(FLOATS, zeros, i);
        FloatVector value = CodeLanes.load(codes, bits, i).sub(zero).mul(scale);
        WeightLanes.store(value, out, target, i);
      }
    } else {
      for (int start = 0, run = 0; start < bound; start += groupSize, run++) {
        FloatVector scale = FloatVector.broadcast(FLOATS, scales[run]);
        FloatVector zero = FloatVector.broadcast(FLOATS, zeros[run]);
        int end = Math.min(bound, start + groupSize);
        for (int i = start; i < end; i += LANES) {
          FloatVector value = CodeLanes.load(codes, bits, i).sub(zero).mul(scale);
          WeightLanes.store(value, out, target, i);
        }
      }
    }
    ScalarAffineKernels.dequantize(
        codes, bits, bound, count, groupSize, scales, zeros, target, out);
  }

  /// The weights that vectors can take: none where groups split them.
  private static int wholeVectors(int count, int groupSize) {
    boolean split = groupSize != 1 && groupSize < count && groupSize % LANES != 0;
    return split ? 0 : count & -LANES;
  }

  /// As `wholeVectors`, less those that would reach beyond the row's codes.
  private static int vectorBound(
      MemorySegment weights, int count, int groupSize, int bits, MemorySegment codes) {
    if (!weights.isNative() || !codes.isNative()) {
      return 0;
    }
    int bound = wholeVectors(count, groupSize);
    while (bits < 8
        && bound > 0
        && (long) (bound - LANES) * bits / 8 + CodeLanes.REACH > codes.byteSize()) {
      bound -= LANES;
    }
    return bound;
  }
}
