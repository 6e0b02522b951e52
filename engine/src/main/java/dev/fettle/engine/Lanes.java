package dev.fettle.engine;

import dev.fettle.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// As many float32 lanes as the processor's vectors have, read from and written to float32 or
/// bfloat16 memory.
///
/// @param segment whole tensor
/// @param bf16 whether elements are bfloat16 rather than float32
record Lanes(MemorySegment segment, boolean bf16) {
  static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));
  static final int WIDTH = FLOATS.length();
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final float ROUNDER = 0x1.8p23f;

  static Lanes of(Tensor tensor) {
    return switch (tensor.dtype()) {
      case F32 -> new Lanes(tensor.segment(), false);
      case BF16 -> new Lanes(tensor.segment(), true);
      case F64, F16, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
          throw new IllegalArgumentException(
              "kernels take float32 or bfloat16, not " + tensor.dtype());
    };
  }

  static boolean supports(DType dtype) {
    return dtype == DType.F32 || dtype == DType.BF16;
  }

  /// Elements from `index` on, one per lane.
  FloatVector get(long index) {
    if (bf16) {
      return widen(ShortVector.fromMemorySegment(SHORTS, segment, 2 * index, ORDER));
    }
    return FloatVector.fromMemorySegment(FLOATS, segment, 4 * index, ORDER);
  }

  /// The first `count` elements from `index`; other lanes are 0.
  FloatVector get(long index, int count) {
    if (bf16) {
      VectorMask<Short> mask = SHORTS.indexInRange(0, count);
      return widen(ShortVector.fromMemorySegment(SHORTS, segment, 2 * index, ORDER, mask));
    }
    VectorMask<Float> mask = FLOATS.indexInRange(0, count);
    return FloatVector.fromMemorySegment(FLOATS, segment, 4 * index, ORDER, mask);
  }

  void set(long index, FloatVector value) {
    if (bf16) {
      narrow(value).intoMemorySegment(segment, 2 * index, ORDER);
    } else {
      value.intoMemorySegment(segment, 4 * index, ORDER);
    }
  }

  void set(long index, FloatVector value, int count) {
    if (bf16) {
      narrow(value).intoMemorySegment(segment, 2 * index, ORDER, SHORTS.indexInRange(0, count));
    } else {
      value.intoMemorySegment(segment, 4 * index, ORDER, FLOATS.indexInRange(0, count));
    }
  }

  /// The values as this memory would hold them.
  FloatVector rounded(FloatVector value) {
    return bf16 ? widen(narrow(value)) : value;
  }

  private static FloatVector widen(ShortVector bits) {
    IntVector wide = (IntVector) bits.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
    return wide.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
  }

  /// Round to nearest, ties to even; a NaN stays one.
  private static ShortVector narrow(FloatVector value) {
    IntVector bits = value.reinterpretAsInts();
    IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);
    IntVector up = bits.add(odd).add(0x7FFF).lanewise(VectorOperators.LSHR, 16);
    VectorMask<Integer> nan = value.test(VectorOperators.IS_NAN).cast(INTS);
    IntVector result = up.blend(0x7FC0, nan);
    return (ShortVector) result.convertShape(VectorOperators.I2S, SHORTS, 0);
  }

  /// Sum of the lanes from the first to the last.
  static float sum(FloatVector lanes) {
    float sum = 0;
    for (float lane : lanes.toArray()) {
      sum += lane;
    }
    return sum;
  }

  /// The exponential function to about one unit in the last place between −87 and 88; below, the
  /// value at −87, and above, infinity. `e^x = 2^n · e^r` with a polynomial for `e^r`; S. Moshier,
  /// Cephes mathematical library, `expf.c`.
  static FloatVector exp(FloatVector x) {
    FloatVector bounded = x.max(-87f).min(88f);
    // Adding 1.5 · 2²³ rounds to an integer, which then stands in the low bits.
    FloatVector shifted = bounded.mul(1.44269504f).add(ROUNDER);
    FloatVector n = shifted.sub(ROUNDER);
    FloatVector r = n.fma(broadcast(-0.693359375f), bounded);
    r = n.fma(broadcast(2.12194440e-4f), r);
    FloatVector p = broadcast(1.9875691500e-4f);
    p = p.fma(r, broadcast(1.3981999507e-3f));
    p = p.fma(r, broadcast(8.3334519073e-3f));
    p = p.fma(r, broadcast(4.1665795894e-2f));
    p = p.fma(r, broadcast(1.6666665459e-1f));
    p = p.fma(r, broadcast(5.0000001201e-1f));
    p = p.fma(r.mul(r), r).add(1f);
    IntVector exponent = shifted.reinterpretAsInts().sub(Float.floatToRawIntBits(ROUNDER) - 127);
    return p.mul(exponent.lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats())
        .blend(Float.POSITIVE_INFINITY, x.compare(VectorOperators.GT, 88f));
  }

  /// The hyperbolic tangent, to about two units in the last place: a polynomial near 0, elsewhere
  /// `1 − 2 / (e^2x + 1)`; S. Moshier, Cephes mathematical library, `tanhf.c`.
  static FloatVector tanh(FloatVector x) {
    FloatVector z = x.mul(x);
    FloatVector p = broadcast(-5.70498872745e-3f);
    p = p.fma(z, broadcast(2.06390887954e-2f));
    p = p.fma(z, broadcast(-5.37397155531e-2f));
    p = p.fma(z, broadcast(1.33314422036e-1f));
    p = p.fma(z, broadcast(-3.33332819422e-1f));
    FloatVector small = p.mul(z).fma(x, x);
    FloatVector large = broadcast(1f).sub(broadcast(2f).div(exp(x.add(x)).add(1f)));
    return large.blend(small, x.abs().compare(VectorOperators.LT, 0.625f));
  }

  private static FloatVector broadcast(float value) {
    return FloatVector.broadcast(FLOATS, value);
  }
}
