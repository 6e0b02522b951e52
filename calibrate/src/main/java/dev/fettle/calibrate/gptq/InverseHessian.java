package dev.fettle.calibrate.gptq;

import dev.fettle.calibrate.block.InputMoments;
import dev.fettle.engine.Cholesky;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import java.lang.foreign.MemorySegment;
import java.util.Comparator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// What GPTQ needs to know of a layer's inputs: the order of the columns, and the upper triangular
/// `U` with `UᵀU = H⁻¹` for the damped Hessian `H = 2/N · XᵀX` in that order. Row `i` of `U`,
/// divided by its diagonal element, says how an error in column `i` is best spread over the columns
/// after it (arXiv:2210.17323, section 3.3, step 3).
///
/// @param order column of the weight that comes i-th
/// @param dead columns, in stored order, whose input is always zero
/// @param upper float64 `[in, in]`, in the scope the object was made in; null if no damping below 1
///   made `H` positive definite
/// @param damp the damping in use
@SuppressWarnings("ArrayRecordComponent") // never compared
record InverseHessian(int[] order, boolean[] dead, @Nullable Tensor upper, double damp) {

  /// Tries the damping wanted, then twice as much until it works or reaches 1.
  static InverseHessian of(InputMoments moments, GptqOptions options) {
    try (Scope scope = Scope.open()) {
      Tensor hessian = moments.gram().mul(2.0 / Math.max(1, moments.rows()));
      int n = moments.features();
      double[] diagonal = diagonal(hessian);
      boolean[] dead = new boolean[n];
      for (int i = 0; i < n; i++) {
        dead[i] = diagonal[i] == 0;
        diagonal[i] = dead[i] ? 1 : diagonal[i];
      }
      int[] order = order(diagonal, options.descAct());
      setDiagonal(hessian, diagonal);
      hessian = permuted(hessian, order, options.descAct());
      double mean = 0;
      for (double value : diagonal) {
        mean += value / n;
      }
      double added = 0;
      for (double damp = options.dampPercent(); damp < 1; damp *= 2) {
        addToDiagonal(hessian, damp * mean - added);
        added = damp * mean;
        @Nullable Tensor upper = upperOfInverse(hessian);
        if (upper != null) {
          return new InverseHessian(order, dead, scope.keep(upper), damp);
        }
      }
      return new InverseHessian(order, dead, null, 1);
    }
  }

  private static @Nullable Tensor upperOfInverse(Tensor hessian) {
    try (Scope scope = Scope.open()) {
      if (!(Cholesky.of(hessian) instanceof Cholesky.Factor factor)) {
        return null;
      }
      Tensor inverse = factor.inverse();
      factor.lower().close();
      return Cholesky.of(inverse) instanceof Cholesky.Factor second
          ? scope.keep(second.lower().t().contiguous())
          : null;
    }
  }

  private static int[] order(double[] diagonal, boolean descending) {
    IntStream columns = IntStream.range(0, diagonal.length);
    return descending
        ? columns
            .boxed()
            .sorted(Comparator.comparingDouble((Integer i) -> -diagonal[i]))
            .mapToInt(Integer::intValue)
            .toArray()
        : columns.toArray();
  }

  private static Tensor permuted(Tensor matrix, int[] order, boolean needed) {
    if (!needed) {
      return matrix;
    }
    try (Scope scope = Scope.open()) {
      Tensor index = index(order);
      return scope.keep(matrix.indexSelect(0, index).indexSelect(1, index));
    }
  }

  /// The order as an I64 tensor.
  static Tensor index(int[] order) {
    return Tensors.ofLongs(IntStream.of(order).asLongStream().toArray());
  }

  private static double[] diagonal(Tensor matrix) {
    int n = Math.toIntExact(matrix.size(0));
    MemorySegment data = matrix.segment();
    double[] diagonal = new double[n];
    for (int i = 0; i < n; i++) {
      diagonal[i] = data.get(HostTensor.F64_LAYOUT, at(i, n));
    }
    return diagonal;
  }

  private static void setDiagonal(Tensor matrix, double[] diagonal) {
    MemorySegment data = matrix.segment();
    for (int i = 0; i < diagonal.length; i++) {
      data.set(HostTensor.F64_LAYOUT, at(i, diagonal.length), diagonal[i]);
    }
  }

  private static void addToDiagonal(Tensor matrix, double value) {
    double[] diagonal = diagonal(matrix);
    for (int i = 0; i < diagonal.length; i++) {
      diagonal[i] += value;
    }
    setDiagonal(matrix, diagonal);
  }

  private static long at(long i, long n) {
    return (i * n + i) * DType.F64.bytes();
  }
}
