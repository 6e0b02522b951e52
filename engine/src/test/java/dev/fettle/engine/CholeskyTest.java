package dev.fettle.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.tensor.DType;
import java.util.Arrays;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class CholeskyTest {
  /// float64 of numbers near 1 and a condition number near 100.
  private static final Offset<Double> CLOSE = within(1e-12);

  @Test
  void factorAndInverseOfASmallMatrix() {
    try (Scope scope = Scope.open()) {
      // L = [[2, 0], [1, 3]], A = L·Lᵀ, A⁻¹ = 1/36 · [[10, -2], [-2, 4]]
      Tensor matrix = Tensors.of(new float[] {4, 2, 2, 10}, 2, 2).to(DType.F64);
      Cholesky.Factor factor = (Cholesky.Factor) Cholesky.of(matrix);
      assertThat(factor.lower().toFloats()).containsExactly(2, 0, 1, 3);
      Tensor inverse = factor.inverse().mul(36).reshape(-1);
      float[] expected = {10, -2, -2, 4};
      for (int i = 0; i < expected.length; i++) {
        double value = inverse.narrow(0, i, 1).item();
        assertThat(value).isCloseTo(expected[i], CLOSE);
      }
    }
  }

  @Test
  void inverseTimesMatrixIsOne() {
    try (Scope scope = Scope.open()) {
      int n = 97;
      Tensor x = Tensors.normal(5, 3 * n, n).to(DType.F64);
      Tensor matrix = x.t().matmul(x).divInPlace(3 * n);
      Cholesky.Factor factor = (Cholesky.Factor) Cholesky.of(matrix);
      float[] product = factor.inverse().matmul(matrix).toFloats();
      float[] one = new float[n * n];
      for (int i = 0; i < n; i++) {
        one[i * n + i] = 1;
      }
      for (int i = 0; i < one.length; i++) {
        assertThat((double) product[i]).isCloseTo(one[i], CLOSE);
      }
    }
  }

  @Test
  void aMatrixThatIsNotPositiveDefiniteIsAValue() {
    try (Scope scope = Scope.open()) {
      Tensor indefinite = Tensors.of(new float[] {1, 2, 2, 1}, 2, 2);
      assertThat(Cholesky.of(indefinite)).isEqualTo(new Cholesky.NotPositiveDefinite(2));
      float[] zeros = new float[9];
      assertThat(Cholesky.of(Tensors.of(zeros, 3, 3)))
          .isEqualTo(new Cholesky.NotPositiveDefinite(1));
      Arrays.fill(zeros, Float.NaN);
      assertThat(Cholesky.of(Tensors.of(zeros, 3, 3)))
          .isInstanceOf(Cholesky.NotPositiveDefinite.class);
    }
  }
}
