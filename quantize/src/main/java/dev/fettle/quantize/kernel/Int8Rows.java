package dev.fettle.quantize.kernel;

import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.kernel.VectorSupport;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// One row between numbers and 8-bit integers, a vector at a time.
final class Int8Rows {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final VectorSpecies<Float> FLOATS = VectorSupport.FLOATS;
  private static final VectorSpecies<Integer> INTS = VectorSupport.INTS;
  private static final VectorSpecies<Short> SHORTS = VectorSupport.HALF_SHORTS;
  private static final VectorSpecies<Byte> BYTES = VectorSupport.QUARTER_BYTES;

  private static final int LANES = VectorSupport.LANES;

  /// Adding this leaves a small number, rounded to nearest even, in the low bits of the sum.
  private static final float TO_INTEGER = 0x1.8p23f;

  private static final ScalarQuantizeKernels SCALAR = new ScalarQuantizeKernels();

  private Int8Rows() {}

  static void dequantize(
      MemorySegment codes, float absmax, long count, DType target, MemorySegment out) {
    long bound = count & -LANES;
    switch (target) {
      case F32 -> {
        for (long i = 0; i < bound; i += LANES) {
          numbers(codes, i, absmax).intoMemorySegment(out, 4 * i, ORDER);
        }
      }
      case BF16 -> {
        for (long i = 0; i < bound; i += LANES) {
          IntVector bits = numbers(codes, i, absmax).reinterpretAsInts();
          IntVector even = bits.lanewise(LSHR, 16).and(1);
          storeShorts(bits.add(even).add(0x7FFF).lanewise(LSHR, 16), out, i);
        }
      }
      case F16 -> {
        for (long i = 0; i < bound; i += LANES) {
          storeShorts(toHalf(numbers(codes, i, absmax).reinterpretAsInts()), out, i);
        }
      }
      case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
          throw new IllegalStateException("weights are float, not " + target);
    }
    if (bound < count) {
      SCALAR.dequantizeInt8(
          codes.asSlice(bound), absmax, count - bound, target, out.asSlice(bound * target.bytes()));
    }
  }

  private static FloatVector numbers(MemorySegment codes, long i, float absmax) {
    ByteVector bytes = ByteVector.fromMemorySegment(BYTES, codes, i, ORDER);
    FloatVector q = (FloatVector) bytes.convertShape(VectorOperators.B2F, FLOATS, 0);
    return q.mul(absmax).mul(ScalarQuantizeKernels.INT8_STEP);
  }

  private static IntVector toHalf(IntVector bits) {
    IntVector sign = bits.lanewise(LSHR, 16).and(0x8000);
    IntVector magnitude = bits.and(0x7FFFFFFF);
    IntVector even = magnitude.lanewise(LSHR, 13).and(1);
    IntVector normal = magnitude.add(even).add(0x0FFF - (112 << 23)).lanewise(LSHR, 13).min(0x7C00);
    IntVector tiny = magnitude.reinterpretAsFloats().add(0.5f).reinterpretAsInts().sub(0x3F000000);
    return normal.blend(tiny, magnitude.compare(VectorOperators.LT, 113 << 23)).or(sign);
  }

  private static void storeShorts(IntVector values, MemorySegment out, long i) {
    ((ShortVector) values.convertShape(VectorOperators.I2S, SHORTS, 0))
        .intoMemorySegment(out, 2 * i, ORDER);
  }

  static float quantize(MemorySegment weight, DType dtype, long count, MemorySegment codes) {
    long bound = count & -LANES;
    float absmax =
        switch (dtype) {
          case F32 -> largestF32(weight, bound);
          case BF16 -> largestBf16(weight, bound);
          case F16 -> largestF16(weight, bound);
          case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
              throw new IllegalStateException("weights are float, not " + dtype);
        };
    for (long i = bound; i < count; i++) {
      absmax = Math.max(absmax, Math.abs(half(weight, dtype, i)));
    }
    float factor = absmax == 0 ? 0 : 127.0f * (1.0f / absmax);
    switch (dtype) {
      case F32 -> roundF32(weight, bound, factor, codes);
      case BF16 -> roundBf16(weight, bound, factor, codes);
      case F16 -> roundF16(weight, bound, factor, codes);
      case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
          throw new IllegalStateException("weights are float, not " + dtype);
    }
    for (long i = bound; i < count; i++) {
      byte code = (byte) Math.rint(half(weight, dtype, i) * factor);
      codes.set(ValueLayout.JAVA_BYTE, i, code);
    }
    return absmax;
  }

  private static float largestF32(MemorySegment weight, long bound) {
    IntVector largest = IntVector.zero(INTS);
    for (long i = 0; i < bound; i += LANES) {
      largest = largest.max(fromF32(weight, i).and(0x7FFFFFFF));
    }
    return Float.intBitsToFloat(largest.reduceLanes(VectorOperators.MAX));
  }

  private static float largestBf16(MemorySegment weight, long bound) {
    IntVector largest = IntVector.zero(INTS);
    for (long i = 0; i < bound; i += LANES) {
      largest = largest.max(fromBf16(weight, i).and(0x7FFFFFFF));
    }
    return Float.intBitsToFloat(largest.reduceLanes(VectorOperators.MAX));
  }

  private static float largestF16(MemorySegment weight, long bound) {
    IntVector largest = IntVector.zero(INTS);
    for (long i = 0; i < bound; i += LANES) {
      largest = largest.max(unsigned(weight, i).and(0x7FFF));
    }
    return Float.float16ToFloat((short) largest.reduceLanes(VectorOperators.MAX));
  }

  private static void roundF32(
      MemorySegment weight, long bound, float factor, MemorySegment codes) {
    for (long i = 0; i < bound; i += LANES) {
      storeCodes(fromF32(weight, i), factor, codes, i);
    }
  }

  private static void roundBf16(
      MemorySegment weight, long bound, float factor, MemorySegment codes) {
    for (long i = 0; i < bound; i += LANES) {
      storeCodes(fromBf16(weight, i), factor, codes, i);
    }
  }

  private static void roundF16(
      MemorySegment weight, long bound, float factor, MemorySegment codes) {
    for (long i = 0; i < bound; i += LANES) {
      storeCodes(Halves.toFloatBits(unsigned(weight, i)), factor, codes, i);
    }
  }

  private static void storeCodes(IntVector bits, float factor, MemorySegment codes, long i) {
    IntVector rounded = bits.reinterpretAsFloats().mul(factor).add(TO_INTEGER).reinterpretAsInts();
    ((ByteVector) rounded.convertShape(VectorOperators.I2B, BYTES, 0))
        .intoMemorySegment(codes, i, ORDER);
  }

  private static IntVector fromF32(MemorySegment weight, long i) {
    return Halves.round(IntVector.fromMemorySegment(INTS, weight, 4 * i, ORDER));
  }

  private static IntVector fromBf16(MemorySegment weight, long i) {
    return Halves.round(unsigned(weight, i).lanewise(LSHL, 16));
  }

  private static IntVector unsigned(MemorySegment weight, long i) {
    ShortVector halves = ShortVector.fromMemorySegment(SHORTS, weight, 2 * i, ORDER);
    return (IntVector) halves.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
  }

  private static float half(MemorySegment weight, DType dtype, long i) {
    return Float.float16ToFloat(Float.floatToFloat16(ScalarQuantizeKernels.load(weight, dtype, i)));
  }
}
