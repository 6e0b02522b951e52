package dev.fettle.quantize.kernel;

import static dev.fettle.tensor.HostTensor.F32_LAYOUT;

import dev.fettle.quantize.Float8Format;
import dev.fettle.tensor.Float8;
import dev.fettle.tensor.MxFloats;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// The definition: one weight at a time.
public final class ScalarFloatKernels implements FloatKernels {
  @Override
  public float largest(MemorySegment floats, long count) {
    return Float.intBitsToFloat(largestBits(floats, 0, count));
  }

  static int largestBits(MemorySegment floats, long from, long to) {
    int largest = 0;
    for (long i = from; i < to; i++) {
      int bits = Float.floatToRawIntBits(floats.get(F32_LAYOUT, 4 * i));
      largest = Math.max(largest, bits & 0x7FFFFFFF);
    }
    return largest;
  }

  @Override
  public void quantizeFloat8(
      Float8Format format, MemorySegment floats, long count, float scale, MemorySegment codes) {
    for (long i = 0; i < count; i++) {
      float quotient = floats.get(F32_LAYOUT, 4 * i) / scale;
      float clipped = Math.clamp(quotient, -format.largest(), format.largest());
      byte code =
          switch (format) {
            case E4M3 -> Float8.floatToE4m3(clipped);
            case E5M2 -> Float8.floatToE5m2(clipped);
          };
      codes.set(ValueLayout.JAVA_BYTE, i, code);
    }
  }

  @Override
  public void dequantizeFloat8(
      Float8Format format, MemorySegment codes, long count, float scale, MemorySegment floats) {
    for (long i = 0; i < count; i++) {
      byte code = codes.get(ValueLayout.JAVA_BYTE, i);
      float number =
          switch (format) {
            case E4M3 -> Float8.e4m3ToFloat(code);
            case E5M2 -> Float8.e5m2ToFloat(code);
          };
      floats.set(F32_LAYOUT, 4 * i, number * scale);
    }
  }

  @Override
  public void quantizeMxfp4(
      MemorySegment floats, long count, MemorySegment packed, MemorySegment exponents) {
    for (long start = 0; start < count; start += MX_BLOCK) {
      int exponent = mxExponent(largestBits(floats, start, start + MX_BLOCK));
      exponents.set(ValueLayout.JAVA_BYTE, start / MX_BLOCK, (byte) exponent);
      packBlock(floats, start, MX_BLOCK, MxFloats.e8m0ToFloat(exponent), packed);
    }
  }

  /// The E8M0 code of a block's scale, from its largest magnitude as float bits.
  static int mxExponent(int largestBits) {
    int nearestPower = (largestBits + (1 << 21)) >>> 23;
    return Math.max(nearestPower - 2, 0);
  }

  private static void packBlock(
      MemorySegment floats, long start, int size, float scale, MemorySegment packed) {
    for (long i = start; i < start + size; i += 2) {
      int low = MxFloats.floatToE2m1(floats.get(F32_LAYOUT, 4 * i) / scale);
      int high = MxFloats.floatToE2m1(floats.get(F32_LAYOUT, 4 * i + 4) / scale);
      packed.set(ValueLayout.JAVA_BYTE, i / 2, (byte) (low | (high << 4)));
    }
  }

  @Override
  public void dequantizeMxfp4(
      MemorySegment packed, MemorySegment exponents, long count, MemorySegment floats) {
    for (long i = 0; i < count; i++) {
      int exponent = exponents.get(ValueLayout.JAVA_BYTE, i / MX_BLOCK) & 0xFF;
      floats.set(F32_LAYOUT, 4 * i, number(packed, i) * MxFloats.e8m0ToFloat(exponent));
    }
  }

  private static float number(MemorySegment packed, long i) {
    int pair = packed.get(ValueLayout.JAVA_BYTE, i / 2) & 0xFF;
    return MxFloats.e2m1ToFloat(i % 2 == 0 ? pair & 15 : pair >> 4);
  }

  @Override
  public void quantizeNvfp4(
      MemorySegment floats,
      long count,
      float globalScale,
      MemorySegment packed,
      MemorySegment scales) {
    for (long start = 0; start < count; start += NV_BLOCK) {
      float largest = Float.intBitsToFloat(largestBits(floats, start, start + NV_BLOCK));
      byte code = nvScale(largest, globalScale);
      scales.set(ValueLayout.JAVA_BYTE, start / NV_BLOCK, code);
      packBlock(floats, start, NV_BLOCK, Float8.e4m3ToFloat(code) / globalScale, packed);
    }
  }

  /// The E4M3 code of a block's scale.
  static byte nvScale(float largest, float globalScale) {
    byte code = Float8.floatToE4m3(globalScale * (largest / MxFloats.E2M1_MAX));
    return code == 0 ? NV_LEAST_SCALE : code;
  }

  @Override
  public void dequantizeNvfp4(
      MemorySegment packed,
      MemorySegment scales,
      long count,
      float globalScale,
      MemorySegment floats) {
    for (long i = 0; i < count; i++) {
      float scale = Float8.e4m3ToFloat(scales.get(ValueLayout.JAVA_BYTE, i / NV_BLOCK));
      floats.set(F32_LAYOUT, 4 * i, number(packed, i) * (scale / globalScale));
    }
  }
}
