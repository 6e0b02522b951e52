package dev.fettle.tensor.kernel;

import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// The 8-bit and 4-bit floating-point formats in 32-bit lanes, as [dev.fettle.tensor.Float8] and
/// [dev.fettle.tensor.MxFloats] define them. Normal results round in the integer domain; for
/// subnormal ones, adding a power of two lets the float unit round to the format's smallest step,
/// and the count of steps is left in the low bits of the sum.
public final class SmallFloatLanes {
  private SmallFloatLanes() {}

  /// Bytes as unsigned numbers.
  public static IntVector widen(ByteVector codes) {
    return (IntVector) codes.convertShape(VectorOperators.ZERO_EXTEND_B2I, VectorSupport.INTS, 0);
  }

  /// The low byte of each lane.
  public static ByteVector narrow(IntVector codes) {
    return (ByteVector) codes.convertShape(VectorOperators.I2B, VectorSupport.QUARTER_BYTES, 0);
  }

  /// E4M3 codes (0 to 255) to the bits of the same numbers as float32.
  public static IntVector e4m3ToFloatBits(IntVector codes) {
    IntVector magnitude = codes.and(0x7F);
    IntVector normal = magnitude.lanewise(LSHL, 20).add(120 << 23);
    return normal
        .blend(steps(magnitude, 0x1p-9f), magnitude.compare(VectorOperators.LT, 8))
        .blend(0x7FF00000, magnitude.compare(VectorOperators.EQ, 0x7F))
        .or(codes.and(0x80).lanewise(LSHL, 24));
  }

  /// E5M2 codes (0 to 255) to the bits of the same numbers as float32.
  public static IntVector e5m2ToFloatBits(IntVector codes) {
    IntVector magnitude = codes.and(0x7F);
    IntVector shifted = magnitude.lanewise(LSHL, 21);
    return shifted
        .add(112 << 23)
        .blend(steps(magnitude, 0x1p-16f), magnitude.compare(VectorOperators.LT, 4))
        .blend(0x7F800000, magnitude.compare(VectorOperators.EQ, 0x7C))
        .blend(shifted.or(0x7FC00000), magnitude.compare(VectorOperators.GT, 0x7C))
        .or(codes.and(0x80).lanewise(LSHL, 24));
  }

  private static IntVector steps(IntVector count, float step) {
    FloatVector floats =
        (FloatVector) count.convertShape(VectorOperators.I2F, VectorSupport.FLOATS, 0);
    return floats.mul(step).reinterpretAsInts();
  }

  /// The bits of float32 numbers to E4M3 codes.
  public static IntVector toE4m3(IntVector bits) {
    IntVector magnitude = bits.and(0x7FFFFFFF);
    IntVector even = magnitude.lanewise(LSHR, 20).and(1);
    IntVector normal = magnitude.add(even).add(0x7FFFF).lanewise(LSHR, 20).sub(120 << 3).min(0x7E);
    return finish(bits, magnitude, normal, 121 << 23, 0x1p14f, 141 << 23);
  }

  /// The bits of float32 numbers to E5M2 codes.
  public static IntVector toE5m2(IntVector bits) {
    IntVector magnitude = bits.and(0x7FFFFFFF);
    IntVector even = magnitude.lanewise(LSHR, 21).and(1);
    IntVector normal = magnitude.add(even).add(0xFFFFF).lanewise(LSHR, 21).sub(112 << 2).min(0x7C);
    return finish(bits, magnitude, normal, 113 << 23, 0x1p7f, 134 << 23);
  }

  private static IntVector finish(
      IntVector bits,
      IntVector magnitude,
      IntVector normal,
      int leastNormal,
      float power,
      int powerBits) {
    IntVector tiny = magnitude.reinterpretAsFloats().add(power).reinterpretAsInts().sub(powerBits);
    VectorMask<Integer> isTiny = magnitude.compare(VectorOperators.LT, leastNormal);
    VectorMask<Integer> isNan = magnitude.compare(VectorOperators.GT, 0x7F800000);
    return normal.blend(tiny, isTiny).blend(0x7F, isNan).or(bits.lanewise(LSHR, 24).and(0x80));
  }

  /// The bits of float32 numbers to E2M1 codes, 0 to 15.
  public static IntVector toE2m1(IntVector bits) {
    IntVector magnitude = bits.and(0x7FFFFFFF);
    IntVector even = magnitude.lanewise(LSHR, 22).and(1);
    IntVector normal = magnitude.add(even).add(0x1FFFFF).lanewise(LSHR, 22).sub(126 << 1).min(7);
    IntVector tiny =
        magnitude.reinterpretAsFloats().add(0x1p22f).reinterpretAsInts().sub(149 << 23);
    VectorMask<Integer> isTiny = magnitude.compare(VectorOperators.LT, 127 << 23);
    return normal.blend(tiny, isTiny).or(bits.lanewise(LSHR, 28).and(8));
  }
}
