package dev.fettle.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// LibTorch's product of signed bytes is exact for every shape, which its documentation does not
/// promise.
class IntMatmulTest {
  @ParameterizedTest
  @CsvSource({"0,5,3", "1,1,1", "1,64,32", "3,65,33", "17,7,1", "40,300,130", "64,1024,512"})
  void isExact(int rows, int columns, int outputs) {
    Random random = new Random(rows);
    byte[] a = new byte[rows * columns];
    byte[] b = new byte[outputs * columns];
    random.nextBytes(a);
    random.nextBytes(b);
    assertProduct(a, b, rows, columns, outputs);
  }

  @ParameterizedTest
  @CsvSource({"-128,-128", "-128,127", "127,127"})
  void nothingSaturates(byte left, byte right) {
    byte[] a = new byte[3 * 4099];
    byte[] b = new byte[5 * 4099];
    java.util.Arrays.fill(a, left);
    java.util.Arrays.fill(b, right);
    assertProduct(a, b, 3, 4099, 5);
  }

  private static void assertProduct(byte[] a, byte[] b, int rows, int columns, int outputs) {
    int[] expected = new int[rows * outputs];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < outputs; c++) {
        for (int k = 0; k < columns; k++) {
          expected[r * outputs + c] += a[r * columns + k] * b[c * columns + k];
        }
      }
    }
    try (Scope scope = Scope.open()) {
      Tensor left = Tensors.copyOf(HostTensor.of(a, DType.I8, rows, columns));
      Tensor right = Tensors.copyOf(HostTensor.of(b, DType.I8, outputs, columns));
      Tensor product = left.intMatmul(right.t());
      assertThat(product.dtype()).isEqualTo(DType.I32);
      assertThat(product.shape().toArray()).containsExactly(rows, outputs);
      assertThat(product.segment().toArray(HostTensor.I32_LAYOUT)).isEqualTo(expected);
    }
  }

  /// The tensor returned does not depend on the stack it came from.
  @Test
  void resultsLiveOn() {
    try (Scope scope = Scope.open()) {
      Tensor one = Tensors.full(DType.I8, 2, 4, 8);
      Tensor first = one.intMatmul(one.t());
      for (int i = 0; i < 1000; i++) {
        try (Scope inner = Scope.open()) {
          assertThat(one.intMatmul(one.t()).size(0)).isEqualTo(4);
        }
      }
      assertThat(first.to(DType.F32).toFloats()).containsOnly(32);
    }
  }
}
