package dev.fettle.quantize.ggml;

import dev.fettle.quantize.GgmlType;
import dev.fettle.tensor.kernel.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.Objects;

/// The same bytes as the scalar twin, a vector of weights at a time. Segments on the Java heap go
/// to the scalar twin: a mixture of segment kinds at one load keeps the compiler from turning it
/// into one instruction.
public final class VectorGgmlKernels implements GgmlKernels {
  private final ScalarGgmlKernels scalar = new ScalarGgmlKernels();

  private interface Block {
    void convert(long from, long to);
  }

  @Override
  public void quantize(GgmlType type, MemorySegment weights, long count, MemorySegment blocks) {
    if (!weights.isNative() || !blocks.isNative()) {
      scalar.quantize(type, weights, count, blocks);
      return;
    }
    switch (type) {
      case Q8_0 -> quantize(type, VectorBlocks32::toQ8_0, weights, count, blocks);
      case Q4_0 -> quantize(type, VectorBlocks32::toQ4_0, weights, count, blocks);
      case Q4_1 -> quantize(type, VectorBlocks32::toQ4_1, weights, count, blocks);
      case Q5_0 -> quantize(type, VectorBlocks32::toQ5_0, weights, count, blocks);
      case Q5_1 -> quantize(type, VectorBlocks32::toQ5_1, weights, count, blocks);
      case Q4_K, Q5_K, Q6_K -> {
        long done = new VectorKQuantizer().quantize(type, weights, count, blocks);
        if (done < count) {
          MemorySegment rest = blocks.asSlice(type.bytes(done));
          scalar.quantize(type, weights.asSlice(4 * done), count - done, rest);
        }
      }
      case Q2_K, Q3_K, IQ4_NL, IQ4_XS, MXFP4 -> scalar.quantize(type, weights, count, blocks);
    }
  }

  @Override
  public void quantizeRow(
      GgmlType type, MemorySegment weights, float[] importance, MemorySegment blocks) {
    scalar.quantizeRow(type, weights, importance, blocks);
  }

  private static void quantize(
      GgmlType type, Block block, MemorySegment weights, long count, MemorySegment blocks) {
    long x = NativeMemory.address(weights, 4 * count);
    long y = NativeMemory.address(blocks, type.bytes(count));
    for (long i = 0; i < count / type.blockSize(); i++) {
      block.convert(x + 4 * i * type.blockSize(), y + i * type.blockBytes());
    }
    Reference.reachabilityFence(weights);
    Reference.reachabilityFence(blocks);
  }

  @Override
  public void dequantize(GgmlType type, MemorySegment blocks, long count, MemorySegment weights) {
    if (!weights.isNative() || !blocks.isNative()) {
      scalar.dequantize(type, blocks, count, weights);
      return;
    }
    switch (type) {
      case Q8_0 -> dequantize(type, VectorBlocks32::fromQ8_0, blocks, count, weights);
      case Q4_0 -> dequantize(type, VectorBlocks32::fromQ4_0, blocks, count, weights);
      case Q4_1 -> dequantize(type, VectorBlocks32::fromQ4_1, blocks, count, weights);
      case Q5_0 -> dequantize(type, VectorBlocks32::fromQ5_0, blocks, count, weights);
      case Q5_1 -> dequantize(type, VectorBlocks32::fromQ5_1, blocks, count, weights);
      case Q2_K -> dequantize(type, VectorBlocksLow::fromQ2_K, blocks, count, weights);
      case Q3_K -> dequantize(type, VectorBlocksLow::fromQ3_K, blocks, count, weights);
      case Q4_K -> dequantize(type, VectorBlocksK::fromQ4_K, blocks, count, weights);
      case Q5_K -> dequantize(type, VectorBlocksK::fromQ5_K, blocks, count, weights);
      case Q6_K -> dequantize(type, VectorBlocksK::fromQ6_K, blocks, count, weights);
      case IQ4_NL -> dequantize(type, VectorBlocksTable::fromIq4Nl, blocks, count, weights);
      case IQ4_XS -> dequantize(type, VectorBlocksTable::fromIq4Xs, blocks, count, weights);
      case MXFP4 -> dequantize(type, VectorBlocksTable::fromMxfp4, blocks, count, weights);
    }
  }

  private static void dequantize(
      GgmlType type, Block block, MemorySegment blocks, long count, MemorySegment weights) {
    long y = NativeMemory.address(blocks, type.bytes(count));
    long x = NativeMemory.address(weights, 4 * count);
    for (long i = 0; i < count / type.blockSize(); i++) {
      block.convert(y + i * type.blockBytes(), x + 4 * i * type.blockSize());
    }
    Reference.reachabilityFence(weights);
    Reference.reachabilityFence(blocks);
  }

  @Override
  public float dot(GgmlType type, MemorySegment blocks, int count, float[] x, int from) {
    if (!blocks.isNative() || !GgmlKernels.multiplies(type)) {
      return scalar.dot(type, blocks, count, x, from);
    }
    Objects.checkFromIndexSize(from, count, x.length);
    long y = NativeMemory.address(blocks, type.bytes(count));
    float sum = RowDots.dot(type, y, count, x, from);
    Reference.reachabilityFence(blocks);
    return sum;
  }
}
