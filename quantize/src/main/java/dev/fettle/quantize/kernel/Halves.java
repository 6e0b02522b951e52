package dev.fettle.quantize.kernel;

import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import dev.fettle.tensor.kernel.VectorSupport;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// Float16 arithmetic in 32-bit lanes.
final class Halves {
  private Halves() {}

  /// Float16 bits (zero-extended) to the bits of the same number as float32.
  static IntVector toFloatBits(IntVector half) {
    IntVector sign = half.and(0x8000).lanewise(LSHL, 16);
    IntVector magnitude = half.and(0x7FFF);
    IntVector shifted = magnitude.lanewise(LSHL, 13);
    FloatVector tiny =
        ((FloatVector) magnitude.convertShape(VectorOperators.I2F, VectorSupport.FLOATS, 0))
            .mul(0x1p-24f);
    VectorMask<Integer> isTiny = magnitude.compare(VectorOperators.LT, 0x0400);
    VectorMask<Integer> isSpecial = magnitude.compare(VectorOperators.GE, 0x7C00);
    return shifted
        .add(112 << 23)
        .blend(tiny.reinterpretAsInts(), isTiny)
        .blend(shifted.or(0x7F800000), isSpecial)
        .or(sign);
  }

  /// Float32 bits to those of the nearest float16 number, still as float32; NaN and numbers beyond
  /// float16 become infinity or NaN.
  static IntVector round(IntVector bits) {
    IntVector sign = bits.and(0x80000000);
    IntVector magnitude = bits.and(0x7FFFFFFF);
    IntVector even = magnitude.lanewise(LSHR, 13).and(1);
    IntVector normal = magnitude.add(even).add(0x0FFF).and(0xFFFFE000);
    // below 2^-14 float16 has steps of 2^-24, the step of float32 between 0.5 and 1
    IntVector tiny = magnitude.reinterpretAsFloats().add(0.5f).sub(0.5f).reinterpretAsInts();
    VectorMask<Integer> isTiny = magnitude.compare(VectorOperators.LT, 113 << 23);
    VectorMask<Integer> isBeyond = normal.compare(VectorOperators.GE, (127 + 16) << 23);
    VectorMask<Integer> isNan = magnitude.compare(VectorOperators.GT, 0x7F800000);
    return normal.blend(tiny, isTiny).blend(0x7F800000, isBeyond).blend(0x7FC00000, isNan).or(sign);
  }
}
