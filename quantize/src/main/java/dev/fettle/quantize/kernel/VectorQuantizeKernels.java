package dev.fettle.quantize.kernel;

import dev.fettle.quantize.FourBitCode;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.kernel.Kernels;
import dev.fettle.tensor.kernel.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.Arrays;

/// The same bytes as the scalar twin, a vector of weights at a time. Whole blocks and native memory
/// only: short blocks, the ends of rows and heap segments go to the scalar twin (a mixture of
/// segment kinds at one load keeps the compiler from turning it into one instruction).
public final class VectorQuantizeKernels implements QuantizeKernels {
  private final ScalarQuantizeKernels scalar = new ScalarQuantizeKernels();

  @Override
  public void dequantizeFourBit(
      FourBitCode code,
      MemorySegment packed,
      float[] absmax,
      int blockSize,
      long count,
      DType target,
      MemorySegment out) {
    int blocks = packed.isNative() && out.isNative() ? (int) (count / blockSize) : 0;
    long whole = (long) blocks * blockSize;
    long in = blocks == 0 ? 0 : NativeMemory.address(packed, whole / 2);
    long to = blocks == 0 ? 0 : NativeMemory.address(out, whole * target.bytes());
    switch (target) {
      case F32 -> FourBitLookup.toF32(code, in, absmax, blockSize, blocks, to);
      case BF16 -> FourBitLookup.toBf16(code, in, absmax, blockSize, blocks, to);
      case F16 -> FourBitLookup.toF16(code, in, absmax, blockSize, blocks, to);
      case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
          throw new IllegalStateException("weights are float, not " + target);
    }
    Reference.reachabilityFence(packed);
    Reference.reachabilityFence(out);
    long done = whole;
    if (done < count) {
      scalar.dequantizeFourBit(
          code,
          packed.asSlice(done / 2),
          tail(absmax, blocks),
          blockSize,
          count - done,
          target,
          out.asSlice(done * target.bytes()));
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
    int blocks = packed.isNative() && weight.isNative() ? (int) (count / blockSize) : 0;
    long whole = (long) blocks * blockSize;
    long in = blocks == 0 ? 0 : NativeMemory.address(weight, whole * dtype.bytes());
    long to = blocks == 0 ? 0 : NativeMemory.address(packed, whole / 2);
    switch (dtype) {
      case F32 -> FourBitSearch.fromF32(code, in, blockSize, blocks, to, absmax);
      case BF16 -> FourBitSearch.fromBf16(code, in, blockSize, blocks, to, absmax);
      case F16 -> fromF16(code, weight, blockSize, blocks, to, absmax);
      case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
          throw new IllegalStateException("weights are float, not " + dtype);
    }
    Reference.reachabilityFence(weight);
    Reference.reachabilityFence(packed);
    long done = whole;
    if (done < count) {
      float[] rest = tail(absmax, blocks);
      scalar.quantizeFourBit(
          code,
          weight.asSlice(done * dtype.bytes()),
          dtype,
          blockSize,
          count - done,
          packed.asSlice(done / 2),
          rest);
      System.arraycopy(rest, 0, absmax, blocks, rest.length);
    }
  }

  /// Through float32, which holds every float16 exactly.
  private static void fromF16(
      FourBitCode code,
      MemorySegment weight,
      int blockSize,
      int blocks,
      long packed,
      float[] absmax) {
    long count = (long) blocks * blockSize;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment floats = arena.allocate(4 * count, 64);
      Kernels.casts().f16ToFloat(weight, floats, count);
      long address = NativeMemory.address(floats, 4 * count);
      FourBitSearch.fromF32(code, address, blockSize, blocks, packed, absmax);
    }
  }

  private static float[] tail(float[] absmax, int from) {
    return from == 0 ? absmax : Arrays.copyOfRange(absmax, from, absmax.length);
  }

  @Override
  public void dequantizeInt8(
      MemorySegment codes, float absmax, long count, DType target, MemorySegment out) {
    if (codes.isNative() && out.isNative()) {
      Int8Rows.dequantize(codes, absmax, count, target, out);
    } else {
      scalar.dequantizeInt8(codes, absmax, count, target, out);
    }
  }

  @Override
  public float quantizeInt8(MemorySegment weight, DType dtype, long count, MemorySegment codes) {
    if (weight.isNative() && codes.isNative()) {
      return Int8Rows.quantize(weight, dtype, count, codes);
    }
    return scalar.quantizeInt8(weight, dtype, count, codes);
  }

  @Override
  public void addErrors(MemorySegment exact, MemorySegment approximate, int count, ErrorSums sums) {
    if (exact.isNative() && approximate.isNative()) {
      ErrorLanes.add(exact, approximate, count, sums);
    } else {
      scalar.addErrors(exact, approximate, count, sums);
    }
  }
}
