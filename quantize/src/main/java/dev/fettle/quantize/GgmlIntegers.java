package dev.fettle.quantize;

import dev.fettle.quantize.kernel.ScalarAffineKernels;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Parallel;
import dev.fettle.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/// ggml's block formats that are nothing but integers with one float16 scale per 32 weights, and
/// the integer schemes they are equal to.
///
/// @param type Q4_0, Q5_0 or Q8_0
/// @param bits of an integer
record GgmlIntegers(GgmlType type, int bits) {
  private static final int SCALE_BYTES = 2;

  /// Null for a type with minima, codebooks or scales of scales.
  static @Nullable GgmlIntegers of(GgmlType type) {
    return switch (type) {
      case Q4_0 -> new GgmlIntegers(type, 4);
      case Q5_0 -> new GgmlIntegers(type, 5);
      case Q8_0 -> new GgmlIntegers(type, 8);
      case Q4_1, Q5_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS, MXFP4 -> null;
    };
  }

  Scheme.Affine scheme() {
    return new Scheme.Affine(
        bits, true, Symmetry.SYMMETRIC, new Granularity.PerGroup(type.blockSize()));
  }

  AffineTensor unpack(GgmlTensor tensor, SegmentAllocator allocator) {
    Shape shape =
        Shape.of(tensor.shape().elements() / tensor.shape().dim(-1), tensor.shape().dim(-1));
    Scheme.Affine scheme = scheme();
    Shape scaleShape = scheme.granularity().scaleShape(shape);
    long rowBytes = AffineTensor.rowBytes(shape, scheme);
    MemorySegment codes = allocator.allocate(shape.dim(0) * rowBytes, 64).fill((byte) 0);
    MemorySegment scales = allocator.allocate(scaleShape.elements() * SCALE_BYTES, 64);
    long blocksPerRow = scaleShape.dim(1);
    Parallel.forRange(
        shape.dim(0),
        QuantizedTensor.rowsPerPart(shape),
        (from, to) -> {
          for (long row = from; row < to; row++) {
            MemorySegment stream = codes.asSlice(row * rowBytes, rowBytes);
            for (long i = 0; i < blocksPerRow; i++) {
              long index = row * blocksPerRow + i;
              MemorySegment block =
                  tensor.blocks().asSlice(index * type.blockBytes(), type.blockBytes());
              MemorySegment.copy(block, 0, scales, index * SCALE_BYTES, SCALE_BYTES);
              for (int k = 0; k < type.blockSize(); k++) {
                ScalarAffineKernels.write(
                    stream, bits, Math.toIntExact(i * type.blockSize() + k), read(block, k));
              }
            }
          }
        });
    return new AffineTensor(
        shape,
        tensor.originalDtype(),
        scheme,
        codes,
        new HostTensor(DType.F16, scaleShape, scales),
        null);
  }

  /// @param integers in [#scheme()], with float16 scales and without zero points
  GgmlTensor pack(AffineTensor integers, DType originalDtype, SegmentAllocator allocator) {
    Shape shape = integers.shape();
    long rowBytes = AffineTensor.rowBytes(shape, integers.scheme());
    long blocksPerRow = integers.scales().shape().dim(1);
    MemorySegment blocks = allocator.allocate(type.bytes(shape.elements()), 64).fill((byte) 0);
    Parallel.forRange(
        shape.dim(0),
        QuantizedTensor.rowsPerPart(shape),
        (from, to) -> {
          for (long row = from; row < to; row++) {
            MemorySegment stream = integers.codes().asSlice(row * rowBytes, rowBytes);
            for (long i = 0; i < blocksPerRow; i++) {
              long index = row * blocksPerRow + i;
              MemorySegment block = blocks.asSlice(index * type.blockBytes(), type.blockBytes());
              MemorySegment.copy(
                  integers.scales().data(), index * SCALE_BYTES, block, 0, SCALE_BYTES);
              for (int k = 0; k < type.blockSize(); k++) {
                write(
                    block,
                    k,
                    ScalarAffineKernels.read(
                        stream, bits, Math.toIntExact(i * type.blockSize() + k)));
              }
            }
          }
        });
    return new GgmlTensor(shape, originalDtype, type, blocks);
  }

  /// Integer `k` of a block as an [AffineTensor] stores it.
  private int read(MemorySegment block, int k) {
    if (bits == 8) {
      return block.get(ValueLayout.JAVA_BYTE, SCALE_BYTES + k);
    }
    int half = type.blockSize() / 2;
    int nibbles = block.get(ValueLayout.JAVA_BYTE, type.blockBytes() - half + k % half);
    int code = (k < half ? nibbles : nibbles >> 4) & 15;
    return bits == 4 ? code : code | fifthBit(block, k) << 4;
  }

  private static int fifthBit(MemorySegment block, int k) {
    return block.get(ValueLayout.JAVA_BYTE, SCALE_BYTES + k / 8) >> (k % 8) & 1;
  }

  private void write(MemorySegment block, int k, int code) {
    if (bits == 8) {
      block.set(ValueLayout.JAVA_BYTE, SCALE_BYTES + k, (byte) code);
      return;
    }
    int half = type.blockSize() / 2;
    or(block, type.blockBytes() - half + k % half, (code & 15) << (k < half ? 0 : 4));
    if (bits == 5) {
      or(block, SCALE_BYTES + k / 8, (code >> 4) << (k % 8));
    }
  }

  private static void or(MemorySegment block, int at, int value) {
    int old = block.get(ValueLayout.JAVA_BYTE, at);
    block.set(ValueLayout.JAVA_BYTE, at, (byte) (old | value));
  }
}
