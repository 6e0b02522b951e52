package dev.fettle.quantize;

import dev.fettle.quantize.kernel.FloatKernels;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.Shape;
import java.lang.foreign.MemorySegment;

/// A matrix in NVFP4: blocks of 16 weights of a row, `w = number of the code · (scale /
/// globalScale)`, each operation rounded to float32. This is what compressed-tensors stores.
///
/// @param shape `[out, in]`, `in` a multiple of 16
/// @param originalDtype dtype before quantization
/// @param packed E2M1 codes, two per byte, the first of a pair in the low four bits
/// @param scales one E4M3 code per block
/// @param globalScale what the scales were multiplied by, finite and positive
public record Nvfp4Tensor(
    Shape shape, DType originalDtype, MemorySegment packed, MemorySegment scales, float globalScale)
    implements QuantizedTensor {

  public Nvfp4Tensor {
    if (shape.rank() != 2
        || shape.dim(1) % Scheme.Nvfp4.BLOCK_SIZE != 0
        || packed.byteSize() != shape.elements() / 2
        || scales.byteSize() != shape.elements() / Scheme.Nvfp4.BLOCK_SIZE) {
      throw new IllegalArgumentException(
          "%s as NVFP4 with %d and %d bytes"
              .formatted(shape, packed.byteSize(), scales.byteSize()));
    }
  }

  @Override
  public long byteSize() {
    return packed.byteSize() + scales.byteSize() + Float.BYTES;
  }

  @Override
  public Scheme scheme() {
    return new Scheme.Nvfp4();
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
    int block = Scheme.Nvfp4.BLOCK_SIZE;
    FloatRuns.write(
        from,
        to,
        target,
        out,
        (at, count, floats) ->
            FloatKernels.get()
                .dequantizeNvfp4(
                    packed.asSlice(at / 2, count / 2),
                    scales.asSlice(at / block, count / block),
                    count,
                    globalScale,
                    floats));
  }
}
