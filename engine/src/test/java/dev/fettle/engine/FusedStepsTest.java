package dev.fettle.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.tensor.DType;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The vector kernels against LibTorch's operations, with feature counts around the vector width.
/// (One feature alone has no gradient through its norm: only rounding would be compared.)
class FusedStepsTest {
  /// Sums of up to 2048 products in another order: a few ulps of float32.
  private static final double FLOAT32 = 3e-6;

  /// One step of bfloat16's 8-bit mantissa, where a value lies between two of them.
  private static final double BFLOAT16 = 1.0 / 128;

  private static final double EPS = 1e-5;

  @BeforeEach
  void bothAreThere() {
    assertThat(FusedSteps.best())
        .as("the parity tests compare two implementations")
        .isNotSameAs(AtenSteps.INSTANCE);
  }

  @ParameterizedTest(name = "{0} rows of {1}, {2}")
  @CsvSource({
    "1,3,F32", "3,15,F32", "7,16,F32", "5,17,F32", "33,172,F32", "64,2048,F32",
    "1,3,BF16", "3,15,BF16", "7,16,BF16", "5,17,BF16", "33,172,BF16", "64,2048,BF16"
  })
  void agree(int rows, int features, DType dtype) {
    compare(
        dtype, steps -> steps.rmsNorm(draw(1, dtype, rows, features), gain(dtype, features), EPS));
    compare(
        dtype,
        steps ->
            steps.rmsNormBackward(
                draw(2, dtype, rows, features),
                draw(1, dtype, rows, features),
                gain(dtype, features),
                EPS));
    compare(
        dtype,
        steps -> steps.swiGlu(draw(3, dtype, rows, features), draw(4, dtype, rows, features)));
    for (int which = 0; which < 2; which++) {
      int output = which;
      compare(
          dtype,
          steps -> {
            List<Tensor> gateAndUp =
                List.of(draw(3, dtype, rows, features), draw(4, dtype, rows, features));
            steps.swiGluBackwardInPlace(
                draw(5, dtype, rows, features), gateAndUp.get(0), gateAndUp.get(1));
            return gateAndUp.get(output);
          });
    }
  }

  @ParameterizedTest(name = "{0} heads of {1}, {2}, inverse {3}")
  @CsvSource({
    "2,8,F32,false",
    "3,64,F32,true",
    "1,34,F32,false",
    "2,8,BF16,true",
    "4,128,BF16,false"
  })
  void rotationsAgree(int heads, int headDim, DType dtype, boolean inverse) {
    int length = 5;
    compare(
        dtype,
        steps -> {
          Tensor x = draw(1, dtype, 3 * length, heads * headDim);
          Tensor angles = draw(2, DType.F32, length, headDim / 2);
          steps.rotateInPlace(x, angles.cos(), angles.sin(), headDim, inverse);
          return x;
        });
  }

  @Test
  void extremeGatesStayFinite() {
    try (Scope scope = Scope.open()) {
      Tensor gate = Tensors.of(new float[] {-200, -90, 0, 90, 200}, 1, 5);
      Tensor up = Tensors.of(new float[] {1, 1, 1, 1, 1}, 1, 5);
      assertThat(VectorSteps.INSTANCE.swiGlu(gate, up).toFloats())
          .containsExactly(AtenSteps.INSTANCE.swiGlu(gate, up).toFloats());
      Tensor dy = Tensors.of(new float[] {1, 1, 1, 1, 1}, 1, 5);
      VectorSteps.INSTANCE.swiGluBackwardInPlace(dy, gate, up);
      assertThat(gate.allFinite()).isTrue();
      assertThat(up.allFinite()).isTrue();
    }
  }

  private static void compare(DType dtype, Function<FusedSteps, Tensor> step) {
    try (Scope scope = Scope.open()) {
      float[] expected = step.apply(AtenSteps.INSTANCE).toFloats();
      float[] found = step.apply(FusedSteps.best()).toFloats();
      double largest = 0;
      double difference = 0;
      for (int i = 0; i < expected.length; i++) {
        largest = Math.max(largest, Math.abs(expected[i]));
        difference = Math.max(difference, Math.abs(expected[i] - found[i]));
      }
      double tolerance = dtype == DType.F32 ? FLOAT32 : BFLOAT16;
      assertThat(difference / largest).isLessThanOrEqualTo(tolerance);
    }
  }

  private static Tensor draw(long seed, DType dtype, long... shape) {
    return Tensors.normal(seed, shape).mulInPlace(2).to(dtype);
  }

  private static Tensor gain(DType dtype, long features) {
    return Tensors.uniform(9, features).addInPlace(0.5).to(dtype);
  }
}
