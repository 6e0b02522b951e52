package dev.fettle.quantize;

import dev.fettle.quantize.ggml.GgmlKernels;
import dev.fettle.quantize.kernel.FloatKernels;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Parallel;
import dev.fettle.tensor.UserException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/// Rounds a weight to blocks of ggml.
final class GgmlQuantizer {
  private GgmlQuantizer() {}

  /// @throws UserException if the blocks do not divide the rows, or a weight is not finite or is
  ///   beyond float16, in which ggml keeps its scales
  static GgmlTensor quantize(
      String name, HostTensor weight, GgmlType type, SegmentAllocator allocator) {
    long columns = weight.shape().rank() == 0 ? 1 : weight.shape().dim(-1);
    if (columns % type.blockSize() != 0) {
      throw new UserException(
          "Tensor '%s' has rows of %d weights, which %s's blocks of %d do not divide; choose a type with blocks of 32, or skip this layer."
              .formatted(name, columns, type.text(), type.blockSize()));
    }
    MemorySegment blocks = allocator.allocate(type.bytes(weight.elements()), 64);
    Parallel.forRange(
        weight.elements(),
        QuantizedTensor.GRAIN,
        (from, to) ->
            FloatRuns.read(
                weight.data(),
                weight.dtype(),
                from,
                to,
                (at, count, floats) -> {
                  if (!(FloatKernels.get().largest(floats, count) <= Quantizer.FLOAT16_LIMIT)) {
                    throw Quantizer.notFinite(name, weight, at, Quantizer.FLOAT16_LIMIT);
                  }
                  MemorySegment part = blocks.asSlice(type.bytes(at), type.bytes(count));
                  GgmlKernels.get().quantize(type, floats, count, part);
                }));
    return new GgmlTensor(weight.shape(), weight.dtype(), type, blocks);
  }
}
