package dev.fettle.quantize.kernel;

import static dev.fettle.tensor.HostTensor.F32_LAYOUT;
import static dev.fettle.tensor.HostTensor.I16_LAYOUT;

import dev.fettle.quantize.FourBitCode;
import dev.fettle.quantize.Nf4;
import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// The definition: one weight at a time.
public final class ScalarQuantizeKernels implements QuantizeKernels {
  /// 1/127 as bitsandbytes writes it, rounded to float32.
  static final float INT8_STEP = 7.874015718698502e-3f;

  @Override
  public void dequantizeFourBit(
      FourBitCode code,
      MemorySegment packed,
      float[] absmax,
      int blockSize,
      long count,
      DType target,
      MemorySegment out) {
    float[] levels = code.levels();
    for (long i = 0; i < count; i++) {
      int pair = packed.get(ValueLayout.JAVA_BYTE, i / 2) & 0xFF;
      int index = i % 2 == 0 ? pair >>> 4 : pair & 0xF;
      store(out, target, i, levels[index] * absmax[(int) (i / blockSize)]);
    }
  }

  @Override
  public void quantizeFourBit(
      FourBitCode code,
      MemorySegment weight,
      DType dtype,
      int blockSize,
      long count,
      MemorySegment packed,
      float[] absmax) {
    float[] midpoints = code.midpoints();
    int[] ascending = code.ascending();
    for (long start = 0; start < count; start += blockSize) {
      long end = Math.min(count, start + blockSize);
      boolean isShort = end - start < blockSize;
      float largest = largestMagnitude(weight, dtype, start, end);
      float scale = Math.max(largest, Nf4.MIN_ABSMAX);
      absmax[(int) (start / blockSize)] = isShort ? scale : largest;
      float reciprocal = 1.0f / scale;
      for (long i = start; i < end; i += 2) {
        float first = load(weight, dtype, i);
        int high = ascending[rank(isShort ? first / scale : first * reciprocal, midpoints)];
        int low = code.zero();
        if (i + 1 < end) {
          float second = load(weight, dtype, i + 1);
          low = ascending[rank(isShort ? second / scale : second * reciprocal, midpoints)];
        }
        packed.set(ValueLayout.JAVA_BYTE, i / 2, (byte) (high << 4 | low));
      }
    }
  }

  /// The number of midpoints below `normalised`.
  private static int rank(float normalised, float[] midpoints) {
    int rank = 0;
    for (float midpoint : midpoints) {
      rank += normalised > midpoint ? 1 : 0;
    }
    return rank;
  }

  /// Compares magnitudes as bit patterns, where infinity is above all numbers and NaN above
  /// infinity.
  private static float largestMagnitude(MemorySegment weight, DType dtype, long from, long to) {
    int largest = 0;
    for (long i = from; i < to; i++) {
      int bits = Float.floatToRawIntBits(load(weight, dtype, i));
      largest = Math.max(largest, bits & 0x7FFFFFFF);
    }
    return Float.intBitsToFloat(largest);
  }

  @Override
  public void dequantizeInt8(
      MemorySegment codes, float absmax, long count, DType target, MemorySegment out) {
    for (long i = 0; i < count; i++) {
      store(out, target, i, codes.get(ValueLayout.JAVA_BYTE, i) * absmax * INT8_STEP);
    }
  }

  @Override
  public float quantizeInt8(MemorySegment weight, DType dtype, long count, MemorySegment codes) {
    int bits = 0;
    for (long i = 0; i < count; i++) {
      int half = Float.floatToFloat16(load(weight, dtype, i)) & 0x7FFF;
      bits = Math.max(bits, half);
    }
    float absmax = Float.float16ToFloat((short) bits);
    float factor = absmax == 0 ? 0 : 127.0f * (1.0f / absmax);
    for (long i = 0; i < count; i++) {
      float half = Float.float16ToFloat(Float.floatToFloat16(load(weight, dtype, i)));
      codes.set(ValueLayout.JAVA_BYTE, i, (byte) Math.rint(half * factor));
    }
    return absmax;
  }

  @Override
  public void addErrors(MemorySegment exact, MemorySegment approximate, int count, ErrorSums sums) {
    double squaredError = 0;
    double squaredExact = 0;
    double squaredApproximate = 0;
    double product = 0;
    double maxError = 0;
    for (long i = 0; i < count; i++) {
      double w = exact.get(F32_LAYOUT, 4 * i);
      double q = approximate.get(F32_LAYOUT, 4 * i);
      squaredError += (w - q) * (w - q);
      squaredExact += w * w;
      squaredApproximate += q * q;
      product += w * q;
      maxError = Math.max(maxError, Math.abs(w - q));
    }
    sums.add(count, squaredError, squaredExact, squaredApproximate, product, maxError);
  }

  /// Element `i` as float32.
  static float load(MemorySegment data, DType dtype, long i) {
    return switch (dtype) {
      case F32 -> data.get(F32_LAYOUT, 4 * i);
      case F16 -> Float.float16ToFloat(data.get(I16_LAYOUT, 2 * i));
      case BF16 -> Casts.bf16ToFloat(data.get(I16_LAYOUT, 2 * i));
      case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
          throw new IllegalStateException("weights are float, not " + dtype);
    };
  }

  /// Writes `value` rounded to `dtype` as element `i`.
  static void store(MemorySegment out, DType dtype, long i, float value) {
    switch (dtype) {
      case F32 -> out.set(F32_LAYOUT, 4 * i, value);
      case F16 -> out.set(I16_LAYOUT, 2 * i, Float.floatToFloat16(value));
      case BF16 -> out.set(I16_LAYOUT, 2 * i, Casts.floatToBf16(value));
      case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
          throw new IllegalStateException("weights are float, not " + dtype);
    }
  }
}
