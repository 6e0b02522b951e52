package dev.fettle.quantize.matvec;

import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.kernel.VectorSupport;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// A vector of weights at a time, summed in lanes. Heap segments, and groups that are no multiple
/// of a vector, go to the scalar twin.
public final class VectorMatVecKernels implements MatVecKernels {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final VectorSpecies<Float> FLOATS = VectorSupport.FLOATS;
  private static final VectorSpecies<Integer> INTS = VectorSupport.INTS;
  private static final VectorSpecies<Short> SHORTS = VectorSupport.HALF_SHORTS;
  private static final VectorSpecies<Byte> BYTES = VectorSupport.QUARTER_BYTES;
  private static final int LANES = VectorSupport.LANES;

  private final ScalarMatVecKernels scalar = new ScalarMatVecKernels();

  @Override
  public float dot(MemorySegment weights, DType dtype, float[] x, int from, int count) {
    int bound = weights.isNative() ? count & -LANES : 0;
    float sum =
        switch (dtype) {
          case F32 -> dotF32(weights, x, from, bound);
          case BF16 -> dotBf16(weights, x, from, bound);
          case F16,
              F64,
              F8_E4M3,
              F8_E5M2,
              I64,
              I32,
              I16,
              I8,
              U8,
              U16,
              U32,
              U64,
              F8_E8M0,
              C64,
              BOOL ->
              throw new IllegalArgumentException("rows are float32 or bfloat16, not " + dtype);
        };
    for (int k = bound; k < count; k++) {
      sum += ScalarMatVecKernels.load(weights, dtype, k) * x[from + k];
    }
    return sum;
  }

  private static float dotF32(MemorySegment weights, float[] x, int from, int bound) {
    FloatVector even = FloatVector.zero(FLOATS);
    FloatVector odd = FloatVector.zero(FLOATS);
    int k = 0;
    for (; k + LANES < bound; k += 2 * LANES) {
      even =
          FloatVector.fromMemorySegment(FLOATS, weights, 4L * k, ORDER)
              .fma(FloatVector.fromArray(FLOATS, x, from + k), even);
      odd =
          FloatVector.fromMemorySegment(FLOATS, weights, 4L * (k + LANES), ORDER)
              .fma(FloatVector.fromArray(FLOATS, x, from + k + LANES), odd);
    }
    if (k < bound) {
      even =
          FloatVector.fromMemorySegment(FLOATS, weights, 4L * k, ORDER)
              .fma(FloatVector.fromArray(FLOATS, x, from + k), even);
    }
    return even.add(odd).reduceLanes(VectorOperators.ADD);
  }

  private static float dotBf16(MemorySegment weights, float[] x, int from, int bound) {
    FloatVector even = FloatVector.zero(FLOATS);
    FloatVector odd = FloatVector.zero(FLOATS);
    int k = 0;
    for (; k + LANES < bound; k += 2 * LANES) {
      even = halves(weights, k).fma(FloatVector.fromArray(FLOATS, x, from + k), even);
      odd = halves(weights, k + LANES).fma(FloatVector.fromArray(FLOATS, x, from + k + LANES), odd);
    }
    if (k < bound) {
      even = halves(weights, k).fma(FloatVector.fromArray(FLOATS, x, from + k), even);
    }
    return even.add(odd).reduceLanes(VectorOperators.ADD);
  }

  private static FloatVector halves(MemorySegment weights, int k) {
    ShortVector bits = ShortVector.fromMemorySegment(SHORTS, weights, 2L * k, ORDER);
    return ((IntVector) bits.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
        .lanewise(LSHL, 16)
        .reinterpretAsFloats();
  }

  @Override
  public float dotInt8(
      MemorySegment codes,
      float[] x,
      int from,
      int count,
      int groupSize,
      float[] scales,
      float[] zeros) {
    boolean one = groupSize == count;
    if (!codes.isNative() || (!one && groupSize % LANES != 0)) {
      return scalar.dotInt8(codes, x, from, count, groupSize, scales, zeros);
    }
    FloatVector sum = FloatVector.zero(FLOATS);
    float rest = 0;
    for (int group = 0; group * groupSize < count; group++) {
      int start = group * groupSize;
      int end = start + (groupSize & -LANES);
      FloatVector zero = FloatVector.broadcast(FLOATS, zeros[group]);
      FloatVector even = FloatVector.zero(FLOATS);
      FloatVector odd = FloatVector.zero(FLOATS);
      int k = start;
      for (; k + LANES < end; k += 2 * LANES) {
        even = bytes(codes, k).sub(zero).fma(FloatVector.fromArray(FLOATS, x, from + k), even);
        odd =
            bytes(codes, k + LANES)
                .sub(zero)
                .fma(FloatVector.fromArray(FLOATS, x, from + k + LANES), odd);
      }
      if (k < end) {
        even = bytes(codes, k).sub(zero).fma(FloatVector.fromArray(FLOATS, x, from + k), even);
      }
      sum = even.add(odd).fma(FloatVector.broadcast(FLOATS, scales[group]), sum);
      for (int i = end; i < start + groupSize; i++) { // only where one scale is all there is
        float code = codes.get(java.lang.foreign.ValueLayout.JAVA_BYTE, i);
        rest += (code - zeros[group]) * x[from + i];
      }
    }
    return sum.reduceLanes(VectorOperators.ADD) + rest * scales[0];
  }

  private static FloatVector bytes(MemorySegment codes, int k) {
    ByteVector bytes = ByteVector.fromMemorySegment(BYTES, codes, k, ORDER);
    return (FloatVector) bytes.convertShape(VectorOperators.B2F, FLOATS, 0);
  }

  @Override
  public float dotInt4(
      MemorySegment codes,
      float[] x,
      int from,
      int count,
      int groupSize,
      float[] scales,
      float[] zeros) {
    if (!codes.isNative() || groupSize % (2 * LANES) != 0) {
      return scalar.dotInt4(codes, x, from, count, groupSize, scales, zeros);
    }
    FloatVector sum = FloatVector.zero(FLOATS);
    int odds = from + count / 2;
    for (int group = 0; group * groupSize < count; group++) {
      FloatVector zero = FloatVector.broadcast(FLOATS, zeros[group]);
      FloatVector even = FloatVector.zero(FLOATS);
      FloatVector odd = FloatVector.zero(FLOATS);
      int end = (group + 1) * groupSize / 2;
      for (int pair = group * groupSize / 2; pair < end; pair += LANES) {
        ByteVector bytes = ByteVector.fromMemorySegment(BYTES, codes, pair, ORDER);
        IntVector both = (IntVector) bytes.convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
        even =
            numbers(both.and(0xF))
                .sub(zero)
                .fma(FloatVector.fromArray(FLOATS, x, from + pair), even);
        odd =
            numbers(both.lanewise(LSHR, 4))
                .sub(zero)
                .fma(FloatVector.fromArray(FLOATS, x, odds + pair), odd);
      }
      sum = even.add(odd).fma(FloatVector.broadcast(FLOATS, scales[group]), sum);
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  private static FloatVector numbers(IntVector integers) {
    return (FloatVector) integers.convertShape(VectorOperators.I2F, FLOATS, 0);
  }
}
