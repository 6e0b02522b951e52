package dev.fettle.model;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.quantize.integer.IntegerKernels;
import dev.fettle.quantize.integer.IntegerKernels.ActivationRow;
import dev.fettle.quantize.integer.WeightFactors;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Parallel;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import dev.fettle.tensor.kernel.Kernels;
import dev.fettle.tensor.kernel.VectorSupport;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// Codes of activations times codes of a weight, as numbers. Rows go through in chunks, so that the
/// integer sums of all rows never exist at once.
final class IntegerMatmul {
  /// Integer sums of one chunk: 16 MiB.
  private static final long CHUNK_SUMS = 1L << 22;

  /// Products of one thread at a time.
  private static final long GRAIN = 1L << 18;

  /// Up to so many rows the product is bound by reading the weight, which our kernel does without
  /// reordering it first.
  private static final int FEW_ROWS = 1;

  private final MemorySegment weight;
  private final WeightFactors factors;
  private final float factor;

  /// @param weight codes `[out, in]`, native memory
  /// @param factors of each output
  /// @param factor multiplies every result
  IntegerMatmul(MemorySegment weight, WeightFactors factors, float factor) {
    this.weight = weight;
    this.factors = factors;
    this.factor = factor;
  }

  /// @throws UserException if int32 could overflow
  static void checkColumns(String name, long columns, boolean zeroPoints) {
    long most =
        zeroPoints ? IntegerKernels.MAX_COLUMNS_WITH_ZERO_POINTS : IntegerKernels.MAX_COLUMNS;
    if (columns > most) {
      throw new UserException(
          "Layer %s has %d inputs, more than the %d whose integer products 32 bits can sum%s; leave it out with --skip-modules."
              .formatted(name, columns, most, zeroPoints ? " with zero points" : ""));
    }
  }

  /// @param codes I8 `[rows, in]`
  /// @param rows how each row was quantized
  /// @return `[rows, out]` of dtype `target`
  Tensor apply(Tensor codes, List<ActivationRow> rows, DType target) {
    int outputs = factors.outputs();
    Tensor result = Tensors.empty(target, rows.size(), outputs);
    int step = (int) Math.max(1, CHUNK_SUMS / Math.max(1, outputs));
    for (int from = 0; from < rows.size(); from += step) {
      int count = Math.min(step, rows.size() - from);
      try (Scope scope = Scope.open()) {
        Tensor sums = sums(codes.narrow(0, from, count));
        rescale(sums, rows.subList(from, from + count), result.narrow(0, from, count), target);
      }
    }
    return result;
  }

  /// The exact int32 sums `[rows, out]`: LibTorch where it has instructions for it, else ours.
  private Tensor sums(Tensor codes) {
    int columns = factors.columns();
    if (codes.size(0) > FEW_ROWS && Kernels.vectorized() && VectorSupport.WIDE) {
      HostTensor view = new HostTensor(DType.I8, Shape.of(factors.outputs(), columns), weight);
      return codes.intMatmul(Tensors.viewOf(view).t());
    }
    int rows = Math.toIntExact(codes.size(0));
    Tensor sums = Tensors.empty(DType.I32, rows, factors.outputs());
    MemorySegment left = codes.segment();
    MemorySegment target = sums.segment();
    Parallel.forRange(
        factors.outputs(),
        Math.max(1, GRAIN / Math.max(1, columns)),
        (from, to) ->
            IntegerKernels.get()
                .multiply(left, rows, weight, factors.outputs(), from, to, columns, target));
    return sums;
  }

  private void rescale(Tensor sums, List<ActivationRow> rows, Tensor result, DType target) {
    int outputs = factors.outputs();
    MemorySegment from = sums.segment();
    MemorySegment to = result.segment();
    Parallel.forRange(
        rows.size(),
        Math.max(1, GRAIN / Math.max(1, outputs)),
        (first, last) -> {
          for (long row = first; row < last; row++) {
            long bytes = (long) outputs * target.bytes();
            IntegerKernels.get()
                .rescale(
                    from.asSlice(row * outputs * Integer.BYTES, (long) outputs * Integer.BYTES),
                    rows.get((int) row),
                    factors,
                    factor,
                    target,
                    to.asSlice(row * bytes, bytes));
          }
        });
  }
}
