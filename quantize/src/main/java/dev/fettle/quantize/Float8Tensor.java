package dev.fettle.quantize;

import dev.fettle.quantize.kernel.FloatKernels;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import java.lang.foreign.MemorySegment;

/// A matrix of 8-bit floating-point numbers with scales: `w = number of the code · scale`, rounded
/// to float32 and then to the dtype wanted. This is what compressed-tensors stores.
///
/// @param shape `[out, in]`
/// @param originalDtype dtype before quantization
/// @param codes one byte per weight, row-major
/// @param scales F32, F16 or BF16, one per run of weights; see [Granularity#scaleShape]
public record Float8Tensor(
    Shape shape, DType originalDtype, Scheme.Float8 scheme, MemorySegment codes, HostTensor scales)
    implements QuantizedTensor {

  public Float8Tensor {
    if (shape.rank() != 2 || codes.byteSize() != shape.elements()) {
      throw new IllegalArgumentException(
          "%s of %s with %d bytes of codes".formatted(shape, scheme, codes.byteSize()));
    }
    Shape expected = scheme.granularity().scaleShape(shape);
    if (!scales.shape().equals(expected)) {
      throw new IllegalArgumentException(
          "%s of %s has scales %s, got %s".formatted(shape, scheme, expected, scales.shape()));
    }
  }

  /// The dtype of the scales of a weight: its own, but float32 for float16, which is too narrow for
  /// them.
  public static DType scaleDtype(DType weight) {
    return weight == DType.F16 ? DType.F32 : weight;
  }

  @Override
  public long byteSize() {
    return codes.byteSize() + scales.byteSize();
  }

  @Override
  public void dequantize(DType target, MemorySegment out) {
    float[] floats = scales.toFloats();
    QuantizedTensor.inParts(
        this,
        shape.elements(),
        GRAIN,
        target,
        out,
        (from, to, dtype, part) -> dequantize(from, to, floats, dtype, part));
  }

  @Override
  public void dequantizeRows(long from, long to, DType target, MemorySegment out) {
    dequantize(from * shape.dim(1), to * shape.dim(1), scales.toFloats(), target, out);
  }

  private void dequantize(
      long from, long to, float[] floatScales, DType target, MemorySegment out) {
    ScaleRuns runs = new ScaleRuns(shape, scheme.granularity());
    FloatRuns.write(
        from,
        to,
        target,
        out,
        (at, count, floats) ->
            runs.split(
                at,
                count,
                (scale, offset, length) ->
                    FloatKernels.get()
                        .dequantizeFloat8(
                            scheme.format(),
                            codes.asSlice(at + offset, length),
                            length,
                            floatScales[scale],
                            floats.asSlice(4L * offset, 4L * length))));
  }
}
