package dev.fettle.quantize.kernel;

import dev.fettle.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// The definition: one weight at a time.
public final class ScalarAffineKernels implements AffineKernels {
  @Override
  public void ranges(
      MemorySegment weight, DType dtype, int count, int groupSize, float[] min, float[] max) {
    ranges(weight, dtype, 0, count, groupSize, min, max);
  }

  /// As the other one, for the weights `from` to `to` of the row.
  static void ranges(
      MemorySegment weight,
      DType dtype,
      int from,
      int to,
      int groupSize,
      float[] min,
      float[] max) {
    for (int i = from; i < to; i++) {
      float value = ScalarQuantizeKernels.load(weight, dtype, i);
      int run = i / groupSize;
      min[run] = Math.min(min[run], value);
      max[run] = Math.max(max[run], value);
    }
  }

  @Override
  public void quantize(
      MemorySegment weight,
      DType dtype,
      int count,
      int groupSize,
      float[] scales,
      float[] zeros,
      CodeRange range,
      MemorySegment codes) {
    quantize(weight, dtype, 0, count, groupSize, scales, zeros, range, codes);
  }

  /// As the other one, for the weights `from` to `to` of the row; `from` begins a byte.
  static void quantize(
      MemorySegment weight,
      DType dtype,
      int from,
      int to,
      int groupSize,
      float[] scales,
      float[] zeros,
      CodeRange range,
      MemorySegment codes) {
    long first = (long) from * range.bits() / 8;
    codes.asSlice(first, ((long) to * range.bits() + 7) / 8 - first).fill((byte) 0);
    for (int i = from; i < to; i++) {
      int run = i / groupSize;
      float quotient = ScalarQuantizeKernels.load(weight, dtype, i) / scales[run];
      float code = (float) Math.rint(quotient) + zeros[run];
      write(codes, range.bits(), i, (int) Math.clamp(code, range.min(), range.max()));
    }
  }

  @Override
  public void dequantize(
      MemorySegment codes,
      int bits,
      int count,
      int groupSize,
      float[] scales,
      float[] zeros,
      DType target,
      MemorySegment out) {
    dequantize(codes, bits, 0, count, groupSize, scales, zeros, target, out);
  }

  /// As the other one, for the weights `from` to `to` of the row.
  static void dequantize(
      MemorySegment codes,
      int bits,
      int from,
      int to,
      int groupSize,
      float[] scales,
      float[] zeros,
      DType target,
      MemorySegment out) {
    for (int i = from; i < to; i++) {
      int run = i / groupSize;
      float value = (read(codes, bits, i) - zeros[run]) * scales[run];
      ScalarQuantizeKernels.store(out, target, i, value);
    }
  }

  @Override
  public void dequantize(
      MemorySegment codes,
      int bits,
      int[] groups,
      float[] scales,
      float[] zeros,
      DType target,
      MemorySegment out) {
    dequantizeIndexed(codes, bits, 0, groups, scales, zeros, target, out);
  }

  /// As the other one, for the weights from `from` on.
  static void dequantizeIndexed(
      MemorySegment codes,
      int bits,
      int from,
      int[] groups,
      float[] scales,
      float[] zeros,
      DType target,
      MemorySegment out) {
    for (int i = from; i < groups.length; i++) {
      float value = (read(codes, bits, i) - zeros[groups[i]]) * scales[groups[i]];
      ScalarQuantizeKernels.store(out, target, i, value);
    }
  }

  static void quantizeIndexed(
      MemorySegment weight,
      DType dtype,
      int[] groups,
      float[] scales,
      float[] zeros,
      CodeRange range,
      MemorySegment codes) {
    codes.asSlice(0, ((long) groups.length * range.bits() + 7) / 8).fill((byte) 0);
    for (int i = 0; i < groups.length; i++) {
      float quotient = ScalarQuantizeKernels.load(weight, dtype, i) / scales[groups[i]];
      float code = (float) Math.rint(quotient) + zeros[groups[i]];
      write(codes, range.bits(), i, (int) Math.clamp(code, range.min(), range.max()));
    }
  }

  /// Code `i` of a row.
  public static int read(MemorySegment codes, int bits, int i) {
    if (bits == 8) {
      return codes.get(ValueLayout.JAVA_BYTE, i);
    }
    long bit = (long) i * bits;
    int shift = (int) (bit % 8);
    int value = (codes.get(ValueLayout.JAVA_BYTE, bit / 8) & 0xFF) >>> shift;
    if (shift + bits > 8) {
      value |= (codes.get(ValueLayout.JAVA_BYTE, bit / 8 + 1) & 0xFF) << (8 - shift);
    }
    return value & ((1 << bits) - 1);
  }

  /// Sets code `i` of a row whose bits there are clear.
  public static void write(MemorySegment codes, int bits, int i, int code) {
    if (bits == 8) {
      codes.set(ValueLayout.JAVA_BYTE, i, (byte) code);
      return;
    }
    long bit = (long) i * bits;
    int shifted = code << (int) (bit % 8);
    or(codes, bit / 8, shifted & 0xFF);
    if (shifted > 0xFF) {
      or(codes, bit / 8 + 1, shifted >>> 8);
    }
  }

  private static void or(MemorySegment codes, long at, int value) {
    int old = codes.get(ValueLayout.JAVA_BYTE, at) & 0xFF;
    codes.set(ValueLayout.JAVA_BYTE, at, (byte) (old | value));
  }
}
