package dev.fettle.quantize.integer;

import static dev.fettle.tensor.HostTensor.I32_LAYOUT;
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

/// The same bits as the scalar twin. Products run in float32 lanes, which are exact up to 2²⁴:
/// every [#FLUSH] products of a lane, each at most 2¹⁴, go over into int32 lanes. Heap segments go
/// to the scalar twin.
public final class VectorIntegerKernels implements IntegerKernels {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final VectorSpecies<Float> FLOATS = VectorSupport.FLOATS;
  private static final VectorSpecies<Integer> INTS = VectorSupport.INTS;
  private static final VectorSpecies<Short> SHORTS = VectorSupport.HALF_SHORTS;
  private static final VectorSpecies<Byte> BYTES = VectorSupport.QUARTER_BYTES;
  private static final int LANES = VectorSupport.LANES;

  /// Steps that a lane of float32 sums exactly: 2²⁴ / 2¹⁴.
  private static final int FLUSH = 1024;

  private final ScalarIntegerKernels scalar = new ScalarIntegerKernels();

  @Override
  public void multiply(
      MemorySegment a,
      int rows,
      MemorySegment b,
      long outputs,
      long from,
      long to,
      int columns,
      MemorySegment sums) {
    if (!a.isNative() || !b.isNative()) {
      scalar.multiply(a, rows, b, outputs, from, to, columns, sums);
      return;
    }
    float[] floats = toFloats(a, rows * columns);
    for (long output = from; output < to; output++) {
      long at = output * columns;
      for (int row = 0; row < rows; row++) {
        int sum = dot(floats, row * columns, b, at, columns);
        sums.set(I32_LAYOUT, 4 * (row * outputs + output), sum);
      }
    }
  }

  private static float[] toFloats(MemorySegment codes, int count) {
    float[] floats = new float[count];
    int bound = count & -LANES;
    for (int i = 0; i < bound; i += LANES) {
      numbers(codes, i).intoArray(floats, i);
    }
    for (int i = bound; i < count; i++) {
      floats[i] = codes.get(ValueLayout.JAVA_BYTE, i);
    }
    return floats;
  }

  private static int dot(float[] a, int first, MemorySegment b, long at, int columns) {
    IntVector total = IntVector.zero(INTS);
    int bound = columns & -LANES;
    int k = 0;
    while (k < bound) {
      int end = Math.min(bound, k + FLUSH * LANES);
      FloatVector even = FloatVector.zero(FLOATS);
      FloatVector odd = FloatVector.zero(FLOATS);
      for (; k + LANES < end; k += 2 * LANES) {
        even = FloatVector.fromArray(FLOATS, a, first + k).fma(numbers(b, at + k), even);
        odd =
            FloatVector.fromArray(FLOATS, a, first + k + LANES)
                .fma(numbers(b, at + k + LANES), odd);
      }
      if (k < end) {
        even = FloatVector.fromArray(FLOATS, a, first + k).fma(numbers(b, at + k), even);
        k += LANES;
      }
      total = total.add(toInts(even)).add(toInts(odd));
    }
    int sum = total.reduceLanes(VectorOperators.ADD);
    for (; k < columns; k++) {
      sum += (int) a[first + k] * b.get(ValueLayout.JAVA_BYTE, at + k);
    }
    return sum;
  }

  private static FloatVector numbers(MemorySegment codes, long i) {
    ByteVector bytes = ByteVector.fromMemorySegment(BYTES, codes, i, ORDER);
    return (FloatVector) bytes.convertShape(VectorOperators.B2F, FLOATS, 0);
  }

  private static IntVector toInts(FloatVector exact) {
    return (IntVector) exact.convertShape(VectorOperators.F2I, INTS, 0);
  }

  @Override
  public int sum(MemorySegment codes, int count) {
    if (!codes.isNative()) {
      return scalar.sum(codes, count);
    }
    IntVector total = IntVector.zero(INTS);
    int bound = count & -LANES;
    for (int i = 0; i < bound; i += LANES) {
      ByteVector bytes = ByteVector.fromMemorySegment(BYTES, codes, i, ORDER);
      total = total.add((IntVector) bytes.convertShape(VectorOperators.B2I, INTS, 0));
    }
    return total.reduceLanes(VectorOperators.ADD) + scalar.sum(codes.asSlice(bound), count - bound);
  }

  @Override
  public void raiseMaxima(MemorySegment x, DType dtype, float[] maxima) {
    int bound = x.isNative() ? maxima.length & -LANES : 0;
    switch (dtype) {
      case F32 -> {
        for (int k = 0; k < bound; k += LANES) {
          raise(FloatVector.fromMemorySegment(FLOATS, x, 4L * k, ORDER), maxima, k);
        }
      }
      case BF16 -> {
        for (int k = 0; k < bound; k += LANES) {
          ShortVector halves = ShortVector.fromMemorySegment(SHORTS, x, 2L * k, ORDER);
          IntVector bits =
              (IntVector) halves.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
          raise(bits.lanewise(LSHL, 16).reinterpretAsFloats(), maxima, k);
        }
      }
      case F16, F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
          throw new IllegalArgumentException("activations are float32 or bfloat16, not " + dtype);
    }
    ScalarIntegerKernels.raiseMaxima(x, dtype, maxima, bound);
  }

  private static void raise(FloatVector values, float[] maxima, int k) {
    FloatVector.fromArray(FLOATS, maxima, k).max(values.abs()).intoArray(maxima, k);
  }

  @Override
  public void rescale(
      MemorySegment sums,
      ActivationRow row,
      WeightFactors weights,
      float factor,
      DType target,
      MemorySegment out) {
    int bound = sums.isNative() && out.isNative() ? weights.outputs() & -LANES : 0;
    switch (target) {
      case F32 -> {
        for (int c = 0; c < bound; c += LANES) {
          numbers(sums, row, weights, factor, c).intoMemorySegment(out, 4L * c, ORDER);
        }
      }
      case BF16 -> {
        for (int c = 0; c < bound; c += LANES) {
          FloatVector values = numbers(sums, row, weights, factor, c);
          IntVector bits = values.reinterpretAsInts();
          IntVector even = bits.lanewise(LSHR, 16).and(1);
          IntVector rounded = bits.add(even).add(0x7FFF).lanewise(LSHR, 16);
          IntVector result = rounded.blend(0x7FC0, values.test(VectorOperators.IS_NAN).cast(INTS));
          ((ShortVector) result.convertShape(VectorOperators.I2S, SHORTS, 0))
              .intoMemorySegment(out, 2L * c, ORDER);
        }
      }
      case F16, F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
          throw new IllegalArgumentException("results are float32 or bfloat16, not " + target);
    }
    ScalarIntegerKernels.rescale(sums, row, weights, factor, target, out, bound);
  }

  private static FloatVector numbers(
      MemorySegment sums, ActivationRow row, WeightFactors weights, float factor, int c) {
    IntVector sum = IntVector.fromMemorySegment(INTS, sums, 4L * c, ORDER);
    if (row.zero() != 0) {
      sum = sum.sub(IntVector.fromArray(INTS, weights.sums(), c).mul(row.zero()));
    }
    if (weights.zeros().length > 0) {
      int centred = row.sum() - weights.columns() * row.zero();
      sum = sum.sub(IntVector.fromArray(INTS, weights.zeros(), c).mul(centred));
    }
    FloatVector scales = FloatVector.fromArray(FLOATS, weights.scales(), c).mul(row.scale());
    return ((FloatVector) sum.convertShape(VectorOperators.I2F, FLOATS, 0)).mul(scales).mul(factor);
  }
}
