package dev.fettle.quantize.kernel;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.kernel.VectorSupport;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// A run of weights with one scale and zero point between numbers and codes, a vector at a time.
final class AffineRuns {
  private static final VectorSpecies<Float> FLOATS = VectorSupport.FLOATS;
  private static final int LANES = VectorSupport.LANES;

  /// Adding this leaves a number below 2^22, rounded to nearest even, in the low bits of the sum.
  private static final float TO_INTEGER = 0x1.8p23f;

  private AffineRuns() {}

  static void fromF32(
      long weight,
      int from,
      int to,
      float scale,
      float zero,
      AffineKernels.CodeRange range,
      long codes) {
    for (int i = from; i < to; i += LANES) {
      round(WeightLanes.f32Bits(weight, i), scale, zero, range, codes, i);
    }
  }

  static void fromF16(
      long weight,
      int from,
      int to,
      float scale,
      float zero,
      AffineKernels.CodeRange range,
      long codes) {
    for (int i = from; i < to; i += LANES) {
      round(WeightLanes.f16Bits(weight, i), scale, zero, range, codes, i);
    }
  }

  static void fromBf16(
      long weight,
      int from,
      int to,
      float scale,
      float zero,
      AffineKernels.CodeRange range,
      long codes) {
    for (int i = from; i < to; i += LANES) {
      round(WeightLanes.bf16Bits(weight, i), scale, zero, range, codes, i);
    }
  }

  private static void round(
      IntVector weight, float scale, float zero, AffineKernels.CodeRange range, long codes, int i) {
    FloatVector quotient = weight.reinterpretAsFloats().div(FloatVector.broadcast(FLOATS, scale));
    // cut off before rounding, which changes nothing because the limits are whole; not with max and
    // min, which would look after NaN
    float low = range.min() - zero;
    float high = range.max() - zero;
    FloatVector above = quotient.blend(low, quotient.compare(VectorOperators.LT, low));
    FloatVector within = above.blend(high, above.compare(VectorOperators.GT, high));
    IntVector code = within.add(TO_INTEGER).reinterpretAsInts().add((int) zero);
    CodeLanes.store(code, codes, range.bits(), i);
  }

  static void fromBytes(
      long codes, int from, int to, float scale, float zero, DType target, long out) {
    for (int i = from; i < to; i += LANES) {
      FloatVector value = CodeLanes.loadBytes(codes, i).sub(zero).mul(scale);
      switch (target) {
        case F32 -> WeightLanes.storeF32(value, out, i);
        case F16 -> WeightLanes.storeF16(value, out, i);
        case BF16 -> WeightLanes.storeBf16(value, out, i);
        case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
            throw noFloat(target);
      }
    }
  }

  static void fromNibbles(
      long codes, int from, int to, float scale, float zero, DType target, long out) {
    for (int i = from; i < to; i += LANES) {
      FloatVector value = CodeLanes.loadNibbles(codes, i).sub(zero).mul(scale);
      switch (target) {
        case F32 -> WeightLanes.storeF32(value, out, i);
        case F16 -> WeightLanes.storeF16(value, out, i);
        case BF16 -> WeightLanes.storeBf16(value, out, i);
        case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
            throw noFloat(target);
      }
    }
  }

  static void fromSplit(
      long codes, int bits, int from, int to, float scale, float zero, DType target, long out) {
    for (int i = from; i < to; i += LANES) {
      FloatVector value = CodeLanes.loadSplit(codes, bits, i).sub(zero).mul(scale);
      switch (target) {
        case F32 -> WeightLanes.storeF32(value, out, i);
        case F16 -> WeightLanes.storeF16(value, out, i);
        case BF16 -> WeightLanes.storeBf16(value, out, i);
        case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
            throw noFloat(target);
      }
    }
  }

  /// Codes whose scales and zero points are looked up one by one.
  static void indexed(
      long codes,
      int bits,
      int bound,
      int[] groups,
      float[] scales,
      float[] zeros,
      DType target,
      long out) {
    for (int i = 0; i < bound; i += LANES) {
      FloatVector code =
          bits == 8
              ? CodeLanes.loadBytes(codes, i)
              : bits == 4 ? CodeLanes.loadNibbles(codes, i) : CodeLanes.loadSplit(codes, bits, i);
      FloatVector zero = FloatVector.fromArray(FLOATS, zeros, 0, groups, i);
      FloatVector scale = FloatVector.fromArray(FLOATS, scales, 0, groups, i);
      FloatVector value = code.sub(zero).mul(scale);
      switch (target) {
        case F32 -> WeightLanes.storeF32(value, out, i);
        case F16 -> WeightLanes.storeF16(value, out, i);
        case BF16 -> WeightLanes.storeBf16(value, out, i);
        case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
            throw noFloat(target);
      }
    }
  }

  private static IllegalStateException noFloat(DType dtype) {
    return new IllegalStateException("weights are float, not " + dtype);
  }
}
