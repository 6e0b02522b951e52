package dev.fettle.quantize;

import dev.fettle.quantize.kernel.FloatKernels;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.Shape;
import java.lang.foreign.MemorySegment;

/// A matrix in microscaling FP4: blocks of 32 weights of a row, `w = number of the code ·
/// 2^(exponent - 127)`. Source: OCP Microscaling Formats (MX) Specification 1.0, section 5.
///
/// @param shape `[out, in]`, `in` a multiple of 32
/// @param originalDtype dtype before quantization
/// @param packed E2M1 codes, two per byte, the first of a pair in the low four bits
/// @param exponents one E8M0 code per block
public record Mxfp4Tensor(
    Shape shape, DType originalDtype, MemorySegment packed, MemorySegment exponents)
    implements QuantizedTensor {

  public Mxfp4Tensor {
    if (shape.rank() != 2
        || shape.dim(1) % Scheme.Mxfp4.BLOCK_SIZE != 0
        || packed.byteSize() != shape.elements() / 2
        || exponents.byteSize() != shape.elements() / Scheme.Mxfp4.BLOCK_SIZE) {
      throw new IllegalArgumentException(
          "%s as MXFP4 with %d and %d bytes"
              .formatted(shape, packed.byteSize(), exponents.byteSize()));
    }
  }

  @Override
  public long byteSize() {
    return packed.byteSize() + exponents.byteSize();
  }

  @Override
  public Scheme scheme() {
    return new Scheme.Mxfp4();
  }

  @Override
  public void dequantize(DType target, MemorySegment out) {
    QuantizedTensor.inParts(this, shape.elements(), GRAIN, target, out, this::run);
  }

  @Override
  public void dequantizeRows(long from, long to, DType target, MemorySegment out) {
    run(from * shape.dim(1), to * shape.dim(1), target, out);
  }

  private void run(long from, long to, DType target, MemorySegment out) {
    int block = Scheme.Mxfp4.BLOCK_SIZE;
    FloatRuns.write(
        from,
        to,
        target,
        out,
        (at, count, floats) ->
            FloatKernels.get()
                .dequantizeMxfp4(
                    packed.asSlice(at / 2, count / 2),
                    exponents.asSlice(at / block, count / block),
                    count,
                    floats));
  }
}
