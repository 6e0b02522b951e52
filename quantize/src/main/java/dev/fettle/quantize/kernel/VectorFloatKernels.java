package dev.fettle.quantize.kernel;

import dev.fettle.quantize.Float8Format;
import dev.fettle.tensor.Float8;
import dev.fettle.tensor.MxFloats;
import dev.fettle.tensor.kernel.SmallFloatLanes;
import dev.fettle.tensor.kernel.VectorSupport;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// The same bytes as the scalar twin, a vector of weights at a time. Segments on the Java heap and
/// the ends of runs go to the scalar twin.
public final class VectorFloatKernels implements FloatKernels {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final VectorSpecies<Float> FLOATS = VectorSupport.FLOATS;
  private static final VectorSpecies<Integer> INTS = VectorSupport.INTS;
  private static final VectorSpecies<Byte> BYTES = VectorSupport.QUARTER_BYTES;
  private static final int LANES = VectorSupport.LANES;

  private final ScalarFloatKernels scalar = new ScalarFloatKernels();

  @Override
  public float largest(MemorySegment floats, long count) {
    long bound = floats.isNative() ? count & -LANES : 0;
    int largest = largestBits(floats, 0, bound);
    int rest = ScalarFloatKernels.largestBits(floats, bound, count);
    return Float.intBitsToFloat(Math.max(largest, rest));
  }

  private static int largestBits(MemorySegment floats, long from, long to) {
    IntVector largest = IntVector.zero(INTS);
    for (long i = from; i < to; i += LANES) {
      IntVector bits = IntVector.fromMemorySegment(INTS, floats, 4 * i, ORDER);
      largest = largest.max(bits.and(0x7FFFFFFF));
    }
    return largest.reduceLanes(VectorOperators.MAX);
  }

  @Override
  public void quantizeFloat8(
      Float8Format format, MemorySegment floats, long count, float scale, MemorySegment codes) {
    long bound = floats.isNative() && codes.isNative() ? count & -LANES : 0;
    float top = format.largest();
    for (long i = 0; i < bound; i += LANES) {
      FloatVector quotient = FloatVector.fromMemorySegment(FLOATS, floats, 4 * i, ORDER).div(scale);
      IntVector clipped = quotient.max(-top).min(top).reinterpretAsInts();
      IntVector code =
          format == Float8Format.E4M3
              ? SmallFloatLanes.toE4m3(clipped)
              : SmallFloatLanes.toE5m2(clipped);
      SmallFloatLanes.narrow(code).intoMemorySegment(codes, i, ORDER);
    }
    if (bound < count) {
      scalar.quantizeFloat8(
          format, floats.asSlice(4 * bound), count - bound, scale, codes.asSlice(bound));
    }
  }

  @Override
  public void dequantizeFloat8(
      Float8Format format, MemorySegment codes, long count, float scale, MemorySegment floats) {
    long bound = floats.isNative() && codes.isNative() ? count & -LANES : 0;
    for (long i = 0; i < bound; i += LANES) {
      ByteVector bytes = ByteVector.fromMemorySegment(BYTES, codes, i, ORDER);
      IntVector code = SmallFloatLanes.widen(bytes);
      IntVector number =
          format == Float8Format.E4M3
              ? SmallFloatLanes.e4m3ToFloatBits(code)
              : SmallFloatLanes.e5m2ToFloatBits(code);
      number.reinterpretAsFloats().mul(scale).intoMemorySegment(floats, 4 * i, ORDER);
    }
    if (bound < count) {
      scalar.dequantizeFloat8(
          format, codes.asSlice(bound), count - bound, scale, floats.asSlice(4 * bound));
    }
  }

  @Override
  public void quantizeMxfp4(
      MemorySegment floats, long count, MemorySegment packed, MemorySegment exponents) {
    if (!floats.isNative() || !packed.isNative()) {
      scalar.quantizeMxfp4(floats, count, packed, exponents);
      return;
    }
    for (long start = 0; start < count; start += MX_BLOCK) {
      int exponent = ScalarFloatKernels.mxExponent(largestBits(floats, start, start + MX_BLOCK));
      exponents.set(ValueLayout.JAVA_BYTE, start / MX_BLOCK, (byte) exponent);
      // exact: the scale is a power of two, and so is its reciprocal
      float reciprocal = Float.intBitsToFloat((254 - exponent) << 23);
      for (long i = start; i < start + MX_BLOCK; i += 2 * LANES) {
        IntVector first = codes(floats, i, reciprocal);
        IntVector second = codes(floats, i + LANES, reciprocal);
        FourBitPacking.putLowFirst(first, second, packed, i / 2);
      }
    }
  }

  private static IntVector codes(MemorySegment floats, long i, float factor) {
    FloatVector scaled = FloatVector.fromMemorySegment(FLOATS, floats, 4 * i, ORDER).mul(factor);
    return SmallFloatLanes.toE2m1(scaled.reinterpretAsInts());
  }

  @Override
  public void dequantizeMxfp4(
      MemorySegment packed, MemorySegment exponents, long count, MemorySegment floats) {
    if (!floats.isNative() || !packed.isNative()) {
      scalar.dequantizeMxfp4(packed, exponents, count, floats);
      return;
    }
    for (long start = 0; start < count; start += MX_BLOCK) {
      int exponent = exponents.get(ValueLayout.JAVA_BYTE, start / MX_BLOCK) & 0xFF;
      float scale = MxFloats.e8m0ToFloat(exponent);
      FourBitPacking.e2m1LowFirst(packed, start, scale, floats);
      FourBitPacking.e2m1LowFirst(packed, start + 16, scale, floats);
    }
  }

  @Override
  public void quantizeNvfp4(
      MemorySegment floats,
      long count,
      float globalScale,
      MemorySegment packed,
      MemorySegment scales) {
    long bound = floats.isNative() && packed.isNative() ? count / MX_BLOCK * MX_BLOCK : 0;
    for (long start = 0; start < bound; start += MX_BLOCK) {
      float first = nvScale(floats, start, globalScale, scales);
      float second = nvScale(floats, start + NV_BLOCK, globalScale, scales);
      if (LANES == NV_BLOCK) {
        FourBitPacking.putLowFirst(
            quotients(floats, start, first),
            quotients(floats, start + LANES, second),
            packed,
            start / 2);
      } else {
        for (int block = 0; block < 2; block++) {
          long i = start + block * NV_BLOCK;
          float scale = block == 0 ? first : second;
          FourBitPacking.putLowFirst(
              quotients(floats, i, scale), quotients(floats, i + LANES, scale), packed, i / 2);
        }
      }
    }
    if (bound < count) {
      scalar.quantizeNvfp4(
          floats.asSlice(4 * bound),
          count - bound,
          globalScale,
          packed.asSlice(bound / 2),
          scales.asSlice(bound / NV_BLOCK));
    }
  }

  private static float nvScale(
      MemorySegment floats, long start, float globalScale, MemorySegment scales) {
    float largest = Float.intBitsToFloat(largestBits(floats, start, start + NV_BLOCK));
    byte code = ScalarFloatKernels.nvScale(largest, globalScale);
    scales.set(ValueLayout.JAVA_BYTE, start / NV_BLOCK, code);
    return Float8.e4m3ToFloat(code) / globalScale;
  }

  private static IntVector quotients(MemorySegment floats, long i, float scale) {
    FloatVector scaled = FloatVector.fromMemorySegment(FLOATS, floats, 4 * i, ORDER).div(scale);
    return SmallFloatLanes.toE2m1(scaled.reinterpretAsInts());
  }

  @Override
  public void dequantizeNvfp4(
      MemorySegment packed,
      MemorySegment scales,
      long count,
      float globalScale,
      MemorySegment floats) {
    if (!floats.isNative() || !packed.isNative()) {
      scalar.dequantizeNvfp4(packed, scales, count, globalScale, floats);
      return;
    }
    for (long start = 0; start < count; start += NV_BLOCK) {
      float scale = Float8.e4m3ToFloat(scales.get(ValueLayout.JAVA_BYTE, start / NV_BLOCK));
      FourBitPacking.e2m1LowFirst(packed, start, scale / globalScale, floats);
    }
  }
}
