package dev.fettle.quantize;

import dev.fettle.quantize.kernel.QuantizeKernels;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import java.lang.foreign.MemorySegment;

/// A weight as 8-bit integers, symmetric, one scale per output channel (row).
///
/// `weight[o][i] = codes[o][i] * absmax[o] * (1/127)`, each product rounded to float32.
///
/// @param shape `[outFeatures, inFeatures]`
/// @param originalDtype dtype before quantization
/// @param codes row-major, from -127 to 127
/// @param absmax largest magnitude of each row as float16 would hold it, stored as float32; `SCB`
///   in bitsandbytes
public record LlmInt8Tensor(
    Shape shape, DType originalDtype, MemorySegment codes, MemorySegment absmax)
    implements QuantizedTensor {

  public LlmInt8Tensor {
    if (shape.rank() != 2
        || codes.byteSize() != shape.elements()
        || absmax.byteSize() != 4 * shape.dim(0)) {
      throw new IllegalArgumentException(
          "%s with %d bytes of codes and %d bytes of scales"
              .formatted(shape, codes.byteSize(), absmax.byteSize()));
    }
  }

  @Override
  public long byteSize() {
    return codes.byteSize() + absmax.byteSize();
  }

  @Override
  public Scheme scheme() {
    return new Scheme.LlmInt8();
  }

  @Override
  public void dequantize(DType target, MemorySegment out) {
    QuantizedTensor.inParts(
        this, shape.dim(0), QuantizedTensor.rowsPerPart(shape), target, out, this::dequantizeRows);
  }

  @Override
  public void dequantizeRows(long from, long to, DType target, MemorySegment out) {
    long columns = shape.dim(1);
    int width = target.bytes();
    for (long row = from; row < to; row++) {
      QuantizeKernels.get()
          .dequantizeInt8(
              codes.asSlice(row * columns, columns),
              absmax.get(HostTensor.F32_LAYOUT, 4 * row),
              columns,
              target,
              out.asSlice((row - from) * columns * width, columns * width));
    }
  }
}
