package dev.fettle.quantize;

import dev.fettle.quantize.kernel.FloatKernels;
import dev.fettle.tensor.Float8;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.MxFloats;
import dev.fettle.tensor.Parallel;
import dev.fettle.tensor.UserException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/// Rounds a matrix to blocks of 4-bit floating-point numbers.
final class Fp4BlockQuantizer {
  private Fp4BlockQuantizer() {}

  /// @throws UserException if the weight is no matrix, blocks of 32 do not divide its rows, or a
  ///   weight is not finite
  static Mxfp4Tensor mxfp4(String name, HostTensor weight, SegmentAllocator allocator) {
    int block = Scheme.Mxfp4.BLOCK_SIZE;
    requireWholeBlocks(name, weight, new Scheme.Mxfp4(), block);
    MemorySegment packed = allocator.allocate(weight.elements() / 2, 64);
    MemorySegment exponents = allocator.allocate(weight.elements() / block, 64);
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
                  if (!(FloatKernels.get().largest(floats, count) <= Float.MAX_VALUE)) {
                    throw Quantizer.notFinite(name, weight, at, Float.MAX_VALUE);
                  }
                  FloatKernels.get()
                      .quantizeMxfp4(
                          floats,
                          count,
                          packed.asSlice(at / 2, count / 2),
                          exponents.asSlice(at / block, count / block));
                }));
    return new Mxfp4Tensor(weight.shape(), weight.dtype(), packed, exponents);
  }

  /// The global scale lets the largest block scale be the largest E4M3 number: 448 · 6 / largest
  /// magnitude of the tensor, 1 where that is zero or so small that the quotient is infinite.
  ///
  /// @throws UserException if the weight is no matrix, blocks of 16 do not divide its rows, or a
  ///   weight is not finite
  static Nvfp4Tensor nvfp4(String name, HostTensor weight, SegmentAllocator allocator) {
    int block = Scheme.Nvfp4.BLOCK_SIZE;
    requireWholeBlocks(name, weight, new Scheme.Nvfp4(), block);
    float[] largest = new ScaleRuns(weight.shape(), new Granularity.PerTensor()).largest(weight);
    ScaleRuns.requireFinite(name, weight, largest);
    float quotient = Float8.E4M3_MAX * MxFloats.E2M1_MAX / Math.max(largest[0], Float.MIN_NORMAL);
    float globalScale = Float.isInfinite(quotient) ? 1 : quotient;
    MemorySegment packed = allocator.allocate(weight.elements() / 2, 64);
    MemorySegment scales = allocator.allocate(weight.elements() / block, 64);
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
                    FloatKernels.get()
                        .quantizeNvfp4(
                            floats,
                            count,
                            globalScale,
                            packed.asSlice(at / 2, count / 2),
                            scales.asSlice(at / block, count / block))));
    return new Nvfp4Tensor(weight.shape(), weight.dtype(), packed, scales, globalScale);
  }

  private static void requireWholeBlocks(
      String name, HostTensor weight, Scheme scheme, int blockSize) {
    Quantizer.requireMatrix(name, weight.shape(), scheme);
    if (weight.shape().dim(1) % blockSize != 0) {
      throw new UserException(
          "Tensor '%s' has rows of %d weights, which blocks of %d do not divide; skip this layer with --skip-modules, or use another scheme than %s."
              .formatted(name, weight.shape().dim(1), blockSize, scheme));
    }
  }
}
