package dev.fettle.quantize;

import dev.fettle.quantize.kernel.QuantizeKernels;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// A weight as indices into sixteen levels. Blocks run over the flattened row-major weight, also
/// across rows; the last one may be short.
///
/// ```
/// byte k: level of weight 2k in the high four bits, of weight 2k+1 in the low four bits
/// weight[i] = level[index[i]] * absmax[i / blockSize]
/// ```
///
/// @param shape dimensions of the weight
/// @param originalDtype dtype before quantization
/// @param code the levels
/// @param blockSize weights per scale
/// @param packed two weights per byte, `ceil(n / 2)` bytes
/// @param absmax one scale per block
public record CodebookTensor(
    Shape shape,
    DType originalDtype,
    FourBitCode code,
    int blockSize,
    MemorySegment packed,
    Absmax absmax)
    implements QuantizedTensor {
  /// Weights converted by one thread at a time; a multiple of every block size.
  static final long GRAIN = QuantizedTensor.GRAIN;

  public CodebookTensor {
    long n = shape.elements();
    if (packed.byteSize() != (n + 1) / 2) {
      throw new IllegalArgumentException(shape + " takes " + (n + 1) / 2 + " packed bytes");
    }
    if (absmax.blocks() != (n + blockSize - 1) / blockSize) {
      throw new IllegalArgumentException(
          shape + " in blocks of " + blockSize + " does not have " + absmax.blocks() + " scales");
    }
  }

  @Override
  public long byteSize() {
    return packed.byteSize() + absmax.byteSize();
  }

  @Override
  public Scheme.Codebook scheme() {
    boolean doubleQuant =
        switch (absmax) {
          case Absmax.Plain plain -> false;
          case Absmax.Nested nested -> true;
        };
    return switch (code) {
      case NF4 -> new Scheme.Nf4(blockSize, doubleQuant);
      case FP4 -> new Scheme.Fp4(blockSize, doubleQuant);
    };
  }

  @Override
  public void dequantize(DType target, MemorySegment out) {
    QuantizedTensor.inParts(this, shape.elements(), GRAIN, target, out, this::dequantizeRange);
  }

  @Override
  public void dequantizeRows(long from, long to, DType target, MemorySegment out) {
    long columns = shape.dim(-1);
    long first = from * columns;
    long skipped = first % blockSize;
    int width = target.bytes();
    if (skipped == 0) {
      dequantizeRange(first, to * columns, target, out);
      return;
    }
    // blocks run across rows: begin with the block in which the first row begins
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment whole = arena.allocate((to * columns - first + skipped) * width, 64);
      dequantizeRange(first - skipped, to * columns, target, whole);
      MemorySegment.copy(whole, skipped * width, out, 0, (to * columns - first) * width);
    }
  }

  /// Writes weights `from` (the start of a block) to `to` to the start of `out`.
  void dequantizeRange(long from, long to, DType target, MemorySegment out) {
    int blocks = (int) ((to - from + blockSize - 1) / blockSize);
    float[] scales = new float[blocks];
    absmax.read(from / blockSize, blocks, scales);
    MemorySegment part = packed.asSlice(from / 2, (to - from + 1) / 2);
    QuantizeKernels.get().dequantizeFourBit(code, part, scales, blockSize, to - from, target, out);
  }
}
