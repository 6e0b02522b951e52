package dev.fettle.tensor.kernel;

import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Eight or sixteen numbers at a time. Segments on the Java heap go to the scalar twin: a mixture
/// of segment kinds at one load keeps the compiler from turning it into one instruction.
public final class VectorCastKernels implements CastKernels {
  private static final VectorSpecies<Integer> INTS = VectorSupport.INTS;
  private static final VectorSpecies<Float> FLOATS = VectorSupport.FLOATS;
  private static final VectorSpecies<Short> SHORTS = VectorSupport.HALF_SHORTS;
  private static final VectorSpecies<Byte> BYTES = VectorSupport.QUARTER_BYTES;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final int LANES = VectorSupport.LANES;

  private final ScalarCastKernels scalar = new ScalarCastKernels();

  /// One direction of conversion on the numbers that do not fill a vector.
  private interface Rest {
    void cast(MemorySegment source, MemorySegment target, long count);
  }

  @Override
  public void bf16ToFloat(MemorySegment source, MemorySegment target, long count) {
    long bound = vectorCount(source, target, count);
    for (long i = 0; i < bound; i += LANES) {
      IntVector bits = unsigned(source, i).lanewise(LSHL, 16);
      bits.intoMemorySegment(target, 4 * i, ORDER);
    }
    rest(scalar::bf16ToFloat, source, 2, target, 4, bound, count);
  }

  @Override
  public void floatToBf16(MemorySegment source, MemorySegment target, long count) {
    long bound = vectorCount(source, target, count);
    for (long i = 0; i < bound; i += LANES) {
      FloatVector values = FloatVector.fromMemorySegment(FLOATS, source, 4 * i, ORDER);
      IntVector bits = values.reinterpretAsInts();
      IntVector even = bits.lanewise(LSHR, 16).and(1);
      IntVector rounded = bits.add(even).add(0x7FFF).lanewise(LSHR, 16);
      IntVector result = rounded.blend(0x7FC0, values.test(VectorOperators.IS_NAN).cast(INTS));
      storeShorts(result, target, i);
    }
    rest(scalar::floatToBf16, source, 4, target, 2, bound, count);
  }

  /// Normal numbers only change their exponent bias by 112; subnormal ones are their 10 bits times
  /// 2^-24, exactly; infinity and NaN get the highest exponent.
  @Override
  public void f16ToFloat(MemorySegment source, MemorySegment target, long count) {
    long bound = vectorCount(source, target, count);
    for (long i = 0; i < bound; i += LANES) {
      IntVector half = unsigned(source, i);
      IntVector sign = half.and(0x8000).lanewise(LSHL, 16);
      IntVector magnitude = half.and(0x7FFF);
      IntVector shifted = magnitude.lanewise(LSHL, 13);
      IntVector normal = shifted.add(112 << 23);
      IntVector special = shifted.or(0x7F800000);
      FloatVector tiny =
          ((FloatVector) magnitude.convertShape(VectorOperators.I2F, FLOATS, 0)).mul(0x1p-24f);
      VectorMask<Integer> isTiny = magnitude.compare(VectorOperators.LT, 0x0400);
      VectorMask<Integer> isSpecial = magnitude.compare(VectorOperators.GE, 0x7C00);
      IntVector result = normal.blend(tiny.reinterpretAsInts(), isTiny).blend(special, isSpecial);
      result.or(sign).intoMemorySegment(target, 4 * i, ORDER);
    }
    rest(scalar::f16ToFloat, source, 2, target, 4, bound, count);
  }

  /// Normal results round in the integer domain as for bfloat16; for subnormal ones, adding 0.5
  /// lets the float unit round to multiples of 2^-24, which are left in the low bits of the sum.
  @Override
  public void floatToF16(MemorySegment source, MemorySegment target, long count) {
    long bound = vectorCount(source, target, count);
    for (long i = 0; i < bound; i += LANES) {
      IntVector bits = IntVector.fromMemorySegment(INTS, source, 4 * i, ORDER);
      IntVector sign = bits.lanewise(LSHR, 16).and(0x8000);
      IntVector magnitude = bits.and(0x7FFFFFFF);
      IntVector even = magnitude.lanewise(LSHR, 13).and(1);
      IntVector normal =
          magnitude.add(even).add(0x0FFF - (112 << 23)).lanewise(LSHR, 13).min(0x7C00);
      IntVector tiny =
          magnitude.reinterpretAsFloats().add(0.5f).reinterpretAsInts().sub(0x3F000000);
      VectorMask<Integer> isTiny = magnitude.compare(VectorOperators.LT, 113 << 23);
      VectorMask<Integer> isNan = magnitude.compare(VectorOperators.GT, 0x7F800000);
      IntVector result = normal.blend(tiny, isTiny).blend(0x7E00, isNan);
      storeShorts(result.or(sign), target, i);
    }
    rest(scalar::floatToF16, source, 4, target, 2, bound, count);
  }

  @Override
  public void e4m3ToFloat(MemorySegment source, MemorySegment target, long count) {
    long bound = vectorCount(source, target, count);
    for (long i = 0; i < bound; i += LANES) {
      ByteVector codes = ByteVector.fromMemorySegment(BYTES, source, i, ORDER);
      SmallFloatLanes.e4m3ToFloatBits(SmallFloatLanes.widen(codes))
          .intoMemorySegment(target, 4 * i, ORDER);
    }
    rest(scalar::e4m3ToFloat, source, 1, target, 4, bound, count);
  }

  @Override
  public void floatToE4m3(MemorySegment source, MemorySegment target, long count) {
    long bound = vectorCount(source, target, count);
    for (long i = 0; i < bound; i += LANES) {
      IntVector bits = IntVector.fromMemorySegment(INTS, source, 4 * i, ORDER);
      SmallFloatLanes.narrow(SmallFloatLanes.toE4m3(bits)).intoMemorySegment(target, i, ORDER);
    }
    rest(scalar::floatToE4m3, source, 4, target, 1, bound, count);
  }

  @Override
  public void e5m2ToFloat(MemorySegment source, MemorySegment target, long count) {
    long bound = vectorCount(source, target, count);
    for (long i = 0; i < bound; i += LANES) {
      ByteVector codes = ByteVector.fromMemorySegment(BYTES, source, i, ORDER);
      SmallFloatLanes.e5m2ToFloatBits(SmallFloatLanes.widen(codes))
          .intoMemorySegment(target, 4 * i, ORDER);
    }
    rest(scalar::e5m2ToFloat, source, 1, target, 4, bound, count);
  }

  @Override
  public void floatToE5m2(MemorySegment source, MemorySegment target, long count) {
    long bound = vectorCount(source, target, count);
    for (long i = 0; i < bound; i += LANES) {
      IntVector bits = IntVector.fromMemorySegment(INTS, source, 4 * i, ORDER);
      SmallFloatLanes.narrow(SmallFloatLanes.toE5m2(bits)).intoMemorySegment(target, i, ORDER);
    }
    rest(scalar::floatToE5m2, source, 4, target, 1, bound, count);
  }

  private static IntVector unsigned(MemorySegment source, long index) {
    ShortVector halves = ShortVector.fromMemorySegment(SHORTS, source, 2 * index, ORDER);
    return (IntVector) halves.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
  }

  private static void storeShorts(IntVector values, MemorySegment target, long index) {
    ((ShortVector) values.convertShape(VectorOperators.I2S, SHORTS, 0))
        .intoMemorySegment(target, 2 * index, ORDER);
  }

  private static long vectorCount(MemorySegment source, MemorySegment target, long count) {
    return source.isNative() && target.isNative() ? count & -LANES : 0;
  }

  private static void rest(
      Rest kernel,
      MemorySegment source,
      int sourceBytes,
      MemorySegment target,
      int targetBytes,
      long done,
      long count) {
    if (done < count) {
      kernel.cast(
          source.asSlice(done * sourceBytes), target.asSlice(done * targetBytes), count - done);
    }
  }
}
