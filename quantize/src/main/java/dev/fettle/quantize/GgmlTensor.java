package dev.fettle.quantize;

import dev.fettle.quantize.ggml.GgmlKernels;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.Shape;
import java.lang.foreign.MemorySegment;

/// A weight in blocks of ggml, row after row.
///
/// @param shape dimensions of the weight; the last is a multiple of the block size
/// @param originalDtype dtype before quantization
/// @param blocks `type.bytes(shape.elements())` bytes
public record GgmlTensor(Shape shape, DType originalDtype, GgmlType type, MemorySegment blocks)
    implements QuantizedTensor {

  public GgmlTensor {
    if (shape.rank() == 0
        || shape.dim(-1) % type.blockSize() != 0
        || blocks.byteSize() != type.bytes(shape.elements())) {
      throw new IllegalArgumentException(
          "%s of %s with %d bytes".formatted(shape, type, blocks.byteSize()));
    }
  }

  @Override
  public long byteSize() {
    return blocks.byteSize();
  }

  @Override
  public Scheme scheme() {
    return new Scheme.Ggml(type);
  }

  @Override
  public void dequantize(DType target, MemorySegment out) {
    QuantizedTensor.inParts(this, shape.elements(), GRAIN, target, out, this::dequantizeRange);
  }

  @Override
  public void dequantizeRows(long from, long to, DType target, MemorySegment out) {
    dequantizeRange(from * shape.dim(-1), to * shape.dim(-1), target, out);
  }

  private void dequantizeRange(long from, long to, DType target, MemorySegment out) {
    FloatRuns.write(
        from,
        to,
        target,
        out,
        (at, count, floats) -> {
          MemorySegment part = blocks.asSlice(type.bytes(at), type.bytes(count));
          GgmlKernels.get().dequantize(type, part, count, floats);
        });
  }
}
