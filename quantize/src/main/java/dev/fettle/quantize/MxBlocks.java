package dev.fettle.quantize;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;

/// MXFP4 in the two orders there are: exponents and codes apart, neighbours in one byte ({@link
/// Mxfp4Tensor}), or ggml's blocks of one exponent and sixteen bytes, with weight j in the low and
/// weight j + 16 in the high half of byte j. The exponents and the codes are the same.
final class MxBlocks {
  private static final int SIZE = Scheme.Mxfp4.BLOCK_SIZE;
  private static final int HALF = SIZE / 2;

  private MxBlocks() {}

  static GgmlTensor toGgml(Mxfp4Tensor source, SegmentAllocator allocator) {
    long count = source.shape().elements();
    MemorySegment blocks = allocator.allocate(GgmlType.MXFP4.bytes(count), 64);
    for (long i = 0; i < count / SIZE; i++) {
      long at = i * GgmlType.MXFP4.blockBytes();
      MemorySegment.copy(source.exponents(), i, blocks, at, 1);
      for (int j = 0; j < HALF; j++) {
        long first = i * SIZE + j;
        int both = code(source.packed(), first) | code(source.packed(), first + HALF) << 4;
        blocks.set(ValueLayout.JAVA_BYTE, at + 1 + j, (byte) both);
      }
    }
    return new GgmlTensor(source.shape(), source.originalDtype(), GgmlType.MXFP4, blocks);
  }

  /// @param originalDtype what the result says it was before
  static Mxfp4Tensor fromGgml(GgmlTensor source, DType originalDtype, SegmentAllocator allocator) {
    long columns = source.shape().dim(-1);
    long count = source.shape().elements();
    MemorySegment packed = allocator.allocate(count / 2, 64);
    MemorySegment exponents = allocator.allocate(count / SIZE, 64);
    for (long i = 0; i < count / SIZE; i++) {
      MemorySegment block =
          source.blocks().asSlice(i * GgmlType.MXFP4.blockBytes(), GgmlType.MXFP4.blockBytes());
      MemorySegment.copy(block, 0, exponents, i, 1);
      for (int k = 0; k < HALF; k++) {
        int both = blockCode(block, 2 * k) | blockCode(block, 2 * k + 1) << 4;
        packed.set(ValueLayout.JAVA_BYTE, i * HALF + k, (byte) both);
      }
    }
    return new Mxfp4Tensor(Shape.of(count / columns, columns), originalDtype, packed, exponents);
  }

  /// Code of weight `index`, two per byte.
  private static int code(MemorySegment packed, long index) {
    return packed.get(ValueLayout.JAVA_BYTE, index / 2) >> (index % 2 * 4) & 15;
  }

  /// Code of weight `k` of a ggml block.
  private static int blockCode(MemorySegment block, int k) {
    return block.get(ValueLayout.JAVA_BYTE, 1 + k % HALF) >> (k / HALF * 4) & 15;
  }
}
