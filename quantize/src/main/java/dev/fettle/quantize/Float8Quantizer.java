package dev.fettle.quantize;

import dev.fettle.quantize.kernel.FloatKernels;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Parallel;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/// Rounds a matrix to 8-bit floating-point numbers: the largest magnitude under each scale becomes
/// the format's largest number. `scale = largest / 448` (E4M3) or `/ 57344` (E5M2), rounded to the
/// weight's dtype before codes are chosen (float16 is too narrow for such scales, they are float32
/// then); 1 where all weights are zero.
final class Float8Quantizer {
  private Float8Quantizer() {}

  /// @throws UserException if the weight is no matrix, the groups do not divide its rows, or a
  ///   weight is not finite
  static Float8Tensor quantize(
      String name, HostTensor weight, Scheme.Float8 scheme, SegmentAllocator allocator) {
    Quantizer.requireMatrix(name, weight.shape(), scheme);
    requireFitting(name, weight.shape(), scheme);
    ScaleRuns runs = new ScaleRuns(weight.shape(), scheme.granularity());
    float[] scales = runs.largest(weight);
    ScaleRuns.requireFinite(name, weight, scales);
    Shape scaleShape = scheme.granularity().scaleShape(weight.shape());
    DType scaleDtype = Float8Tensor.scaleDtype(weight.dtype());
    HostTensor stored =
        new HostTensor(
            scaleDtype,
            scaleShape,
            allocator.allocate(scaleShape.elements() * scaleDtype.bytes(), 64));
    for (int i = 0; i < scales.length; i++) {
      float scale = scales[i] == 0 ? 1 : scales[i] / scheme.format().largest();
      scales[i] = ScaleRounding.store(stored, i, Math.max(scale, Float.MIN_VALUE));
    }
    MemorySegment codes = allocator.allocate(weight.elements(), 64);
    Parallel.forRange(
        weight.elements(),
        QuantizedTensor.GRAIN,
        (from, to) ->
            FloatRuns.read(
                weight.data(),
                weight.dtype(),
                from,
                to,
                (at, count, floats) ->
                    runs.split(
                        at,
                        count,
                        (scale, offset, length) ->
                            FloatKernels.get()
                                .quantizeFloat8(
                                    scheme.format(),
                                    floats.asSlice(4L * offset, 4L * length),
                                    length,
                                    scales[scale],
                                    codes.asSlice(at + offset, length)))));
    return new Float8Tensor(weight.shape(), weight.dtype(), scheme, codes, stored);
  }

  private static void requireFitting(String name, Shape shape, Scheme.Float8 scheme) {
    if (scheme.granularity() instanceof Granularity.PerGroup group
        && shape.dim(1) % group.size() != 0) {
      throw new UserException(
          "Tensor '%s' has rows of %d weights, which groups of %d do not divide; choose a group size that divides them, skip this layer with --skip-modules, or use %s:channel."
              .formatted(name, shape.dim(1), group.size(), scheme.format().text()));
    }
    if (scheme.granularity() instanceof Granularity.PerToken) {
      throw new UserException(
          "Scheme %s is for activations; a weight takes tensor, channel, group=N or block=RxC."
              .formatted(scheme));
    }
  }
}
