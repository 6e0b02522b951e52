package dev.fettle.quantize.kernel;

import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import dev.fettle.tensor.kernel.NativeMemory;
import dev.fettle.tensor.kernel.VectorSupport;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// One vector of weights in F32, F16 or BF16, as float32 in the lanes. Weights are given by the
/// address of the first one, see [NativeMemory].
final class WeightLanes {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final VectorSpecies<Integer> INTS = VectorSupport.INTS;
  private static final VectorSpecies<Short> SHORTS = VectorSupport.HALF_SHORTS;

  private WeightLanes() {}

  // One small method per dtype: a vector that comes out of a branch, or goes into a method that the
  // compiler finds too big to inline, is an object on the heap.

  static IntVector f32Bits(long weight, long i) {
    return IntVector.fromMemorySegment(INTS, NativeMemory.ALL, weight + 4 * i, ORDER);
  }

  static IntVector f16Bits(long weight, long i) {
    return Halves.toFloatBits(unsigned(weight, i));
  }

  static IntVector bf16Bits(long weight, long i) {
    return unsigned(weight, i).lanewise(LSHL, 16);
  }

  private static IntVector unsigned(long weight, long i) {
    ShortVector halves =
        ShortVector.fromMemorySegment(SHORTS, NativeMemory.ALL, weight + 2 * i, ORDER);
    return (IntVector) halves.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
  }

  static void storeF32(FloatVector values, long out, long i) {
    values.intoMemorySegment(NativeMemory.ALL, out + 4 * i, ORDER);
  }

  /// Rounds to nearest even.
  static void storeF16(FloatVector values, long out, long i) {
    storeShorts(toHalf(values.reinterpretAsInts()), out, i);
  }

  /// Rounds to nearest even.
  static void storeBf16(FloatVector values, long out, long i) {
    storeShorts(toBf16(values), out, i);
  }

  private static IntVector toBf16(FloatVector values) {
    IntVector bits = values.reinterpretAsInts();
    IntVector even = bits.lanewise(LSHR, 16).and(1);
    IntVector rounded = bits.add(even).add(0x7FFF).lanewise(LSHR, 16);
    return rounded.blend(0x7FC0, values.test(VectorOperators.IS_NAN).cast(INTS));
  }

  private static IntVector toHalf(IntVector bits) {
    IntVector sign = bits.lanewise(LSHR, 16).and(0x8000);
    IntVector magnitude = bits.and(0x7FFFFFFF);
    IntVector even = magnitude.lanewise(LSHR, 13).and(1);
    IntVector normal = magnitude.add(even).add(0x0FFF - (112 << 23)).lanewise(LSHR, 13).min(0x7C00);
    IntVector tiny = magnitude.reinterpretAsFloats().add(0.5f).reinterpretAsInts().sub(0x3F000000);
    VectorMask<Integer> isTiny = magnitude.compare(VectorOperators.LT, 113 << 23);
    VectorMask<Integer> isNan = magnitude.compare(VectorOperators.GT, 0x7F800000);
    return normal.blend(tiny, isTiny).blend(0x7E00, isNan).or(sign);
  }

  private static void storeShorts(IntVector values, long out, long i) {
    ((ShortVector) values.convertShape(VectorOperators.I2S, SHORTS, 0))
        .intoMemorySegment(NativeMemory.ALL, out + 2 * i, ORDER);
  }
}
