package dev.fettle.quantize.kernel;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.kernel.NativeMemory;
import dev.fettle.tensor.kernel.VectorSupport;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/// The same bytes as the scalar twin, a vector of weights at a time. Scales shared by whole vectors
/// only; other rows, their ends and heap segments go to the scalar twin.
public final class VectorAffineKernels implements AffineKernels {
  private static final int LANES = VectorSupport.LANES;

  @Override
  public void ranges(
      MemorySegment weight, DType dtype, int count, int groupSize, float[] min, float[] max) {
    int bound = weight.isNative() ? wholeVectors(count, groupSize) : 0;
    long first = bound == 0 ? 0 : NativeMemory.address(weight, (long) bound * dtype.bytes());
    for (int from = 0, run = 0; from < bound; from += groupSize, run++) {
      int to = Math.min(bound, from + groupSize);
      long range =
          switch (dtype) {
            case F32 -> AffineRanges.f32(first, from, to);
            case F16 -> AffineRanges.f16(first, from, to);
            case BF16 -> AffineRanges.bf16(first, from, to);
            case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
                throw new IllegalStateException("weights are float, not " + dtype);
          };
      AffineRanges.widen(range, run, min, max);
    }
    Reference.reachabilityFence(weight);
    ScalarAffineKernels.ranges(weight, dtype, bound, count, groupSize, min, max);
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
    int bound = vectorBound(weight, count, groupSize, range.bits(), codes);
    long in = bound == 0 ? 0 : NativeMemory.address(weight, (long) bound * dtype.bytes());
    long to = bound == 0 ? 0 : NativeMemory.address(codes, codeBytes(bound, range.bits()));
    for (int from = 0, run = 0; from < bound; from += groupSize, run++) {
      int end = Math.min(bound, from + groupSize);
      switch (dtype) {
        case F32 -> AffineRuns.fromF32(in, from, end, scales[run], zeros[run], range, to);
        case F16 -> AffineRuns.fromF16(in, from, end, scales[run], zeros[run], range, to);
        case BF16 -> AffineRuns.fromBf16(in, from, end, scales[run], zeros[run], range, to);
        case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
            throw new IllegalStateException("weights are float, not " + dtype);
      }
    }
    Reference.reachabilityFence(weight);
    Reference.reachabilityFence(codes);
    ScalarAffineKernels.quantize(
        weight, dtype, bound, count, groupSize, scales, zeros, range, codes);
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
    int bound = vectorBound(out, count, groupSize, bits, codes);
    long in = bound == 0 ? 0 : NativeMemory.address(codes, codeBytes(bound, bits));
    long to = bound == 0 ? 0 : NativeMemory.address(out, (long) bound * target.bytes());
    for (int from = 0, run = 0; from < bound; from += groupSize, run++) {
      int end = Math.min(bound, from + groupSize);
      if (bits == 8) {
        AffineRuns.fromBytes(in, from, end, scales[run], zeros[run], target, to);
      } else if (bits == 4) {
        AffineRuns.fromNibbles(in, from, end, scales[run], zeros[run], target, to);
      } else {
        AffineRuns.fromSplit(in, bits, from, end, scales[run], zeros[run], target, to);
      }
    }
    Reference.reachabilityFence(codes);
    Reference.reachabilityFence(out);
    ScalarAffineKernels.dequantize(
        codes, bits, bound, count, groupSize, scales, zeros, target, out);
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
    int count = groups.length;
    int bound = vectorBound(out, count, count, bits, codes);
    if (bound > 0) {
      long in = NativeMemory.address(codes, codeBytes(bound, bits));
      long to = NativeMemory.address(out, (long) bound * target.bytes());
      AffineRuns.indexed(in, bits, bound, groups, scales, zeros, target, to);
      Reference.reachabilityFence(codes);
      Reference.reachabilityFence(out);
    }
    ScalarAffineKernels.dequantizeIndexed(codes, bits, bound, groups, scales, zeros, target, out);
  }

  /// What loads and stores of the first `bound` codes touch.
  private static long codeBytes(int bound, int bits) {
    return bits == 8 ? bound : (long) (bound - LANES) * bits / 8 + CodeLanes.REACH;
  }

  /// The weights that vectors can take: none where groups split them.
  private static int wholeVectors(int count, int groupSize) {
    boolean split = groupSize < count && groupSize % LANES != 0;
    return split ? 0 : count & -LANES;
  }

  /// As `wholeVectors`, less those that would reach beyond the row's codes.
  private static int vectorBound(
      MemorySegment weights, int count, int groupSize, int bits, MemorySegment codes) {
    if (!weights.isNative() || !codes.isNative()) {
      return 0;
    }
    int bound = wholeVectors(count, groupSize);
    while (bits < 8 && bound > 0 && codeBytes(bound, bits) > codes.byteSize()) {
      bound -= LANES;
    }
    return bound;
  }
}
