package dev.fettle.quantize.kernel;

import dev.fettle.quantize.Float8Format;
import dev.fettle.tensor.Float8;
import dev.fettle.tensor.MxFloats;
import dev.fettle.tensor.kernel.NativeMemory;
import dev.fettle.tensor.kernel.SmallFloatLanes;
import dev.fettle.tensor.kernel.VectorSupport;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
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
    int largest = bound == 0 ? 0 : largestBits(NativeMemory.address(floats, 4 * bound), bound);
    int rest = ScalarFloatKernels.largestBits(floats, bound, count);
    return Float.intBitsToFloat(Math.max(largest, rest));
  }

  private static int largestBits(long floats, long count) {
    IntVector largest = IntVector.zero(INTS);
    for (long i = 0; i < count; i += LANES) {
      IntVector bits = IntVector.fromMemorySegment(INTS, NativeMemory.ALL, floats + 4 * i, ORDER);
      largest = largest.max(bits.and(0x7FFFFFFF));
    }
    return largest.reduceLanes(VectorOperators.MAX);
  }

  @Override
  public void quantizeFloat8(
      Float8Format format, MemorySegment floats, long count, float scale, MemorySegment codes) {
    long bound = floats.isNative() && codes.isNative() ? count & -LANES : 0;
    if (bound > 0) {
      long in = NativeMemory.address(floats, 4 * bound);
      long out = NativeMemory.address(codes, bound);
      switch (format) {
        case E4M3 -> toE4m3(in, bound, scale, out);
        case E5M2 -> toE5m2(in, bound, scale, out);
      }
      Reference.reachabilityFence(floats);
      Reference.reachabilityFence(codes);
    }
    if (bound < count) {
      scalar.quantizeFloat8(
          format, floats.asSlice(4 * bound), count - bound, scale, codes.asSlice(bound));
    }
  }

  /// Saturates by itself.
  private static void toE4m3(long floats, long count, float scale, long codes) {
    for (long i = 0; i < count; i += LANES) {
      IntVector code = SmallFloatLanes.toE4m3(quotient(floats + 4 * i, scale).reinterpretAsInts());
      SmallFloatLanes.narrow(code).intoMemorySegment(NativeMemory.ALL, codes + i, ORDER);
    }
  }

  private static void toE5m2(long floats, long count, float scale, long codes) {
    float top = Float8Format.E5M2.largest();
    for (long i = 0; i < count; i += LANES) {
      FloatVector quotient = quotient(floats + 4 * i, scale);
      FloatVector above = quotient.blend(-top, quotient.compare(VectorOperators.LT, -top));
      FloatVector clipped = above.blend(top, above.compare(VectorOperators.GT, top));
      IntVector code = SmallFloatLanes.toE5m2(clipped.reinterpretAsInts());
      SmallFloatLanes.narrow(code).intoMemorySegment(NativeMemory.ALL, codes + i, ORDER);
    }
  }

  private static FloatVector quotient(long at, float scale) {
    return FloatVector.fromMemorySegment(FLOATS, NativeMemory.ALL, at, ORDER)
        .div(FloatVector.broadcast(FLOATS, scale));
  }

  @Override
  public void dequantizeFloat8(
      Float8Format format, MemorySegment codes, long count, float scale, MemorySegment floats) {
    long bound = floats.isNative() && codes.isNative() ? count & -LANES : 0;
    if (bound > 0) {
      long in = NativeMemory.address(codes, bound);
      long out = NativeMemory.address(floats, 4 * bound);
      switch (format) {
        case E4M3 -> fromE4m3(in, bound, scale, out);
        case E5M2 -> fromE5m2(in, bound, scale, out);
      }
      Reference.reachabilityFence(codes);
      Reference.reachabilityFence(floats);
    }
    if (bound < count) {
      scalar.dequantizeFloat8(
          format, codes.asSlice(bound), count - bound, scale, floats.asSlice(4 * bound));
    }
  }

  private static void fromE4m3(long codes, long count, float scale, long floats) {
    for (long i = 0; i < count; i += LANES) {
      ByteVector bytes = ByteVector.fromMemorySegment(BYTES, NativeMemory.ALL, codes + i, ORDER);
      IntVector bits = SmallFloatLanes.e4m3ToFloatBits(SmallFloatLanes.widen(bytes));
      bits.reinterpretAsFloats()
          .mul(scale)
          .intoMemorySegment(NativeMemory.ALL, floats + 4 * i, ORDER);
    }
  }

  private static void fromE5m2(long codes, long count, float scale, long floats) {
    for (long i = 0; i < count; i += LANES) {
      ByteVector bytes = ByteVector.fromMemorySegment(BYTES, NativeMemory.ALL, codes + i, ORDER);
      IntVector bits = SmallFloatLanes.e5m2ToFloatBits(SmallFloatLanes.widen(bytes));
      bits.reinterpretAsFloats()
          .mul(scale)
          .intoMemorySegment(NativeMemory.ALL, floats + 4 * i, ORDER);
    }
  }

  @Override
  public void quantizeMxfp4(
      MemorySegment floats, long count, MemorySegment packed, MemorySegment exponents) {
    if (!floats.isNative() || !packed.isNative()) {
      scalar.quantizeMxfp4(floats, count, packed, exponents);
      return;
    }
    long in = NativeMemory.address(floats, 4 * count);
    long out = NativeMemory.address(packed, count / 2);
    for (long start = 0; start < count; start += MX_BLOCK) {
      int exponent = ScalarFloatKernels.mxExponent(largestBits(in + 4 * start, MX_BLOCK));
      exponents.set(ValueLayout.JAVA_BYTE, start / MX_BLOCK, (byte) exponent);
      // exact: the scale is a power of two, and so is its reciprocal
      float reciprocal = Float.intBitsToFloat((254 - exponent) << 23);
      for (long i = start; i < start + MX_BLOCK; i += 2 * LANES) {
        IntVector first = codes(in, i, reciprocal);
        IntVector second = codes(in, i + LANES, reciprocal);
        FourBitPacking.putLowFirst(first, second, out + i / 2);
      }
    }
    Reference.reachabilityFence(floats);
    Reference.reachabilityFence(packed);
  }

  private static IntVector codes(long floats, long i, float factor) {
    FloatVector scaled =
        FloatVector.fromMemorySegment(FLOATS, NativeMemory.ALL, floats + 4 * i, ORDER).mul(factor);
    return SmallFloatLanes.toE2m1(scaled.reinterpretAsInts());
  }

  @Override
  public void dequantizeMxfp4(
      MemorySegment packed, MemorySegment exponents, long count, MemorySegment floats) {
    if (!floats.isNative() || !packed.isNative()) {
      scalar.dequantizeMxfp4(packed, exponents, count, floats);
      return;
    }
    long in = NativeMemory.address(packed, count / 2);
    long out = NativeMemory.address(floats, 4 * count);
    for (long start = 0; start < count; start += MX_BLOCK) {
      int exponent = exponents.get(ValueLayout.JAVA_BYTE, start / MX_BLOCK) & 0xFF;
      float scale = MxFloats.e8m0ToFloat(exponent);
      FourBitPacking.e2m1LowFirst(in, start, scale, out);
      FourBitPacking.e2m1LowFirst(in, start + 16, scale, out);
    }
    Reference.reachabilityFence(packed);
    Reference.reachabilityFence(floats);
  }

  @Override
  public void quantizeNvfp4(
      MemorySegment floats,
      long count,
      float globalScale,
      MemorySegment packed,
      MemorySegment scales) {
    long bound = floats.isNative() && packed.isNative() ? count / MX_BLOCK * MX_BLOCK : 0;
    long in = bound == 0 ? 0 : NativeMemory.address(floats, 4 * bound);
    long out = bound == 0 ? 0 : NativeMemory.address(packed, bound / 2);
    for (long start = 0; start < bound; start += MX_BLOCK) {
      float first = nvScale(in, start, globalScale, scales);
      float second = nvScale(in, start + NV_BLOCK, globalScale, scales);
      if (LANES == NV_BLOCK) {
        FourBitPacking.putLowFirst(
            quotients(in, start, first), quotients(in, start + LANES, second), out + start / 2);
      } else {
        for (int block = 0; block < 2; block++) {
          long i = start + block * NV_BLOCK;
          float scale = block == 0 ? first : second;
          FourBitPacking.putLowFirst(
              quotients(in, i, scale), quotients(in, i + LANES, scale), out + i / 2);
        }
      }
    }
    Reference.reachabilityFence(floats);
    Reference.reachabilityFence(packed);
    if (bound < count) {
      scalar.quantizeNvfp4(
          floats.asSlice(4 * bound),
          count - bound,
          globalScale,
          packed.asSlice(bound / 2),
          scales.asSlice(bound / NV_BLOCK));
    }
  }

  private static float nvScale(long floats, long start, float globalScale, MemorySegment scales) {
    float largest = Float.intBitsToFloat(largestBits(floats + 4 * start, NV_BLOCK));
    byte code = ScalarFloatKernels.nvScale(largest, globalScale);
    scales.set(ValueLayout.JAVA_BYTE, start / NV_BLOCK, code);
    return Float8.e4m3ToFloat(code) / globalScale;
  }

  private static IntVector quotients(long floats, long i, float scale) {
    return SmallFloatLanes.toE2m1(quotient(floats + 4 * i, scale).reinterpretAsInts());
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
    long in = NativeMemory.address(packed, count / 2);
    long out = NativeMemory.address(floats, 4 * count);
    for (long start = 0; start < count; start += NV_BLOCK) {
      float scale = Float8.e4m3ToFloat(scales.get(ValueLayout.JAVA_BYTE, start / NV_BLOCK));
      FourBitPacking.e2m1LowFirst(in, start, scale / globalScale, out);
    }
    Reference.reachabilityFence(packed);
    Reference.reachabilityFence(floats);
  }
}
