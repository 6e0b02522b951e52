package dev.fettle.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;

import dev.fettle.tensor.DType;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

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
    for (boolean onePlus : new boolean[] {false, true}) {
      compare(
          dtype,
          steps ->
              steps.rmsNorm(draw(1, dtype, rows, features), gain(dtype, features), EPS, onePlus));
      compare(
          dtype,
          steps ->
              steps.rmsNormBackward(
                  draw(2, dtype, rows, features),
                  draw(1, dtype, rows, features),
                  gain(dtype, features),
                  EPS,
                  onePlus));
    }
    for (Gate kind : List.of(Gate.SILU, Gate.GELU_TANH)) {
      gatesAgree(kind, rows, features, dtype);
    }
  }

  private static void gatesAgree(Gate kind, int rows, int features, DType dtype) {
    compare(
        dtype,
        steps -> steps.gated(kind, draw(3, dtype, rows, features), draw(4, dtype, rows, features)));
    for (int which = 0; which < 2; which++) {
      int output = which;
      compare(
          dtype,
          steps -> {
            List<Tensor> gateAndUp =
                List.of(draw(3, dtype, rows, features), draw(4, dtype, rows, features));
            steps.gatedBackwardInPlace(
                kind, draw(5, dtype, rows, features), gateAndUp.get(0), gateAndUp.get(1));
            return gateAndUp.get(output);
          });
    }
  }

  /// The definitions themselves, from the formulas in float64.
  @ParameterizedTest
  @EnumSource(Gate.class)
  void gatesAreTheirFormulas(Gate kind) {
    float[] points = {-6, -2.5f, -0.3f, 0, 1e-3f, 0.7f, 3, 9};
    float[] found;
    try (Scope scope = Scope.open()) {
      Tensor ones = Tensors.full(DType.F32, 1, 1, points.length);
      found = FusedSteps.best().gated(kind, Tensors.of(points, 1, points.length), ones).toFloats();
    }
    for (int i = 0; i < points.length; i++) {
      double x = points[i];
      double tanh = Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x));
      double expected =
          switch (kind) {
            case SILU -> x / (1 + Math.exp(-x));
            case GELU_TANH -> x / 2 * (1 + tanh);
            case GELU -> x / 2 * (1 + erf(x / Math.sqrt(2)));
          };
      assertThat((double) found[i]).isCloseTo(expected, offset(FLOAT32));
    }
  }

  /// `2/√π ∫ exp(−t²)` from 0 to `x` by Simpson's rule.
  private static double erf(double x) {
    int steps = 2000;
    double sum = 1 + Math.exp(-x * x);
    for (int i = 1; i < steps; i++) {
      double t = x * i / steps;
      sum += (i % 2 == 0 ? 2 : 4) * Math.exp(-t * t);
    }
    return 2 / Math.sqrt(Math.PI) * sum * x / steps / 3;
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

  @ParameterizedTest
  @EnumSource(Gate.class)
  void extremeGatesStayFinite(Gate kind) {
    try (Scope scope = Scope.open()) {
      Tensor gate = Tensors.of(new float[] {-200, -90, 0, 90, 200}, 1, 5);
      Tensor up = Tensors.of(new float[] {1, 1, 1, 1, 1}, 1, 5);
      assertThat(VectorSteps.INSTANCE.gated(kind, gate, up).toFloats())
          .containsExactly(AtenSteps.INSTANCE.gated(kind, gate, up).toFloats());
      Tensor dy = Tensors.of(new float[] {1, 1, 1, 1, 1}, 1, 5);
      VectorSteps.INSTANCE.gatedBackwardInPlace(kind, dy, gate, up);
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
