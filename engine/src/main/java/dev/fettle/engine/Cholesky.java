package dev.fettle.engine;

import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.global.torch;

/// The factor `L` of a symmetric positive definite matrix `A = L · Lᵀ`, lower triangular (Golub and
/// Van Loan, "Matrix Computations", section 4.2).
public final class Cholesky {
  private Cholesky() {}

  /// What a factorization gives. That a matrix is not positive definite is an outcome that callers
  /// plan for, so it is a value and not an exception.
  public sealed interface Result permits Factor, NotPositiveDefinite {}

  /// @param lower `L`, square, zeros above the diagonal, in the current scope
  public record Factor(Tensor lower) implements Result {
    /// `A⁻¹`, symmetric; not necessarily contiguous.
    public Tensor inverse() {
      return Tensor.wrap(torch.cholesky_inverse(lower.raw(), false));
    }
  }

  /// @param order order of the first leading minor of `A` that is not positive, or 0 if the factor
  ///   has numbers that are not finite
  public record NotPositiveDefinite(int order) implements Result {}

  /// @param matrix float32 or float64 `[n, n]`, symmetric; only its lower triangle is read
  public static Result of(Tensor matrix) {
    try (Scope scope = Scope.open();
        T_TensorTensor_T pair = torch.linalg_cholesky_ex(matrix.raw(), false, false)) {
      // what the tuple returns is a reference into it; a copy of the handle outlives it
      Tensor lower = Tensor.wrap(new org.bytedeco.pytorch.Tensor(pair.get0()));
      Tensor info = Tensor.wrap(new org.bytedeco.pytorch.Tensor(pair.get1()));
      int order = (int) info.item();
      if (order != 0 || !lower.allFinite()) {
        return new NotPositiveDefinite(order);
      }
      return new Factor(scope.keep(lower));
    }
  }
}
