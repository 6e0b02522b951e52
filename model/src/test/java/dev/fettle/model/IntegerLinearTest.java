package dev.fettle.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.checkpoint.TensorSource;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tape;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.engine.Var;
import dev.fettle.quantize.AffineGrid;
import dev.fettle.quantize.AffineParameters;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.LlmInt8Tensor;
import dev.fettle.quantize.Quantizer;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.Symmetry;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Products on integers against the product of what the integers stand for, and LLM.int8 against
/// bitsandbytes.
class IntegerLinearTest {
  /// The sum becomes a float32, the two scales are multiplied, and sum and scale are: three
  /// roundings of at most 2⁻²⁴ each.
  private static final double FLOAT32 = 3.01 * 0x1p-24;

  /// And one more to the seven bits after the leading one of a bfloat16.
  private static final double BFLOAT16 = 0x1p-8 + FLOAT32;

  /// Against bitsandbytes: the integer sums are the same; the outlier columns are float32 products
  /// summed in another order, up to 24 of them, relative to the largest result.
  private static final double OUTLIERS = 1e-6;

  private final Arena arena = Arena.ofAuto();

  @ParameterizedTest(name = "weight {0}, activations {1}, {2} rows")
  @CsvSource({
    "int8:sym:channel, int8:sym:token, 1",
    "int8:sym:channel, int8:sym:token, 3",
    "int8:sym:channel, int8:sym:token, 33",
    "int8:sym:channel:restricted, int8:sym:token:restricted, 9",
    "int8:sym:tensor, int8:sym:token, 9",
    "int8:asym:channel, int8:sym:token, 9",
    "uint8:asym:tensor, uint8:asym:token, 9",
    "int8:asym:channel, uint8:asym:token, 2",
    "int8:sym:channel, int4:sym:token, 9",
    "int8:sym:channel, int8:sym:tensor, 9",
    "int8:sym:channel, uint8:asym:tensor, 9",
    "uint8:asym:channel, uint8:asym:tensor, 1",
  })
  void equalsTheDequantizedProduct(String weightScheme, String activations, int rows) {
    for (int[] shape : new int[][] {{1, 1}, {7, 17}, {40, 130}}) {
      AffineTensor weight = weight(shape[0], shape[1], weightScheme);
      Scheme.Affine scheme = (Scheme.Affine) Scheme.parse(activations);
      float[] x = normal(rows * shape[1], 3);
      if (shape[1] > 1) {
        x[1] = 50; // far beyond the static range: saturates
        x[x.length - 1] = -50;
      }
      AffineParameters fixed =
          activations.endsWith("tensor") ? scheme.grid().parameters(-4, 5) : null;
      AffineIntegerLinear product = new AffineIntegerLinear("p", weight, scheme.grid(), fixed);
      for (DType dtype : new DType[] {DType.F32, DType.BF16}) {
        try (Scope scope = Scope.open()) {
          Tensor input = Tensors.of(x, rows, shape[1]).to(dtype);
          double[] expected = reference(input.toFloats(), rows, weight, scheme.grid(), fixed);
          Tensor y = product.apply("p", input);
          assertThat(y.dtype()).isEqualTo(dtype);
          float[] found = y.toFloats();
          double tolerance = dtype == DType.F32 ? FLOAT32 : BFLOAT16;
          for (int i = 0; i < found.length; i++) {
            assertThat((double) found[i])
                .isCloseTo(expected[i], within(tolerance * Math.abs(expected[i])));
          }
        }
      }
    }
  }

  /// In float64, from the formulas that define the numbers.
  private double[] reference(
      float[] x, int rows, AffineTensor weight, AffineGrid grid, @Nullable AffineParameters fixed) {
    int columns = (int) weight.shape().dim(1);
    int outputs = (int) weight.shape().dim(0);
    MemorySegment numbers = arena.allocate(weight.shape().elements() * 4);
    weight.dequantize(DType.F32, numbers);
    double[] y = new double[rows * outputs];
    for (int row = 0; row < rows; row++) {
      float min = 0;
      float max = 0;
      for (int k = 0; k < columns; k++) {
        min = Math.min(min, x[row * columns + k]);
        max = Math.max(max, x[row * columns + k]);
      }
      AffineParameters parameters = fixed == null ? grid.parameters(min, max) : fixed;
      for (int k = 0; k < columns; k++) {
        int q = parameters.quantize(x[row * columns + k], grid);
        double value = (q - parameters.zeroPoint()) * (double) parameters.scale();
        for (int output = 0; output < outputs; output++) {
          y[row * outputs + output] += value * exact(weight, numbers, output, k);
        }
      }
    }
    return y;
  }

  /// The weight before its rounding to float32: an integer times the scale.
  private static double exact(AffineTensor weight, MemorySegment numbers, int output, int k) {
    float[] scale = new float[1];
    boolean shared = weight.scales().shape().elements() == 1;
    weight.readScales(shared ? 0 : output, scale);
    long at = 4L * (output * weight.shape().dim(1) + k);
    return Math.rint(numbers.get(HostTensor.F32_LAYOUT, at) / scale[0]) * (double) scale[0];
  }

  private AffineTensor weight(int outputs, int columns, String scheme) {
    HostTensor values = HostTensor.of(normal(outputs * columns, 1), outputs, columns);
    return (AffineTensor) Quantizer.quantize("p", values, Scheme.parse(scheme), arena);
  }

  private static float[] normal(int count, int seed) {
    Random random = new Random(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  @Test
  void noRowsGiveNoRows() {
    AffineIntegerLinear affine =
        new AffineIntegerLinear(
            "p",
            weight(5, 7, "int8:sym:channel"),
            new AffineGrid(8, true, Symmetry.SYMMETRIC),
            null);
    try (Scope scope = Scope.open()) {
      assertThat(affine.apply("p", Tensors.zeros(DType.F32, 0, 7)).shape())
          .isEqualTo(Shape.of(0, 5));
      assertThat(new LlmInt8Linear("p", int8(5, 7), 6).apply("p", Tensors.zeros(DType.F32, 0, 7)))
          .extracting(Tensor::shape)
          .isEqualTo(Shape.of(0, 5));
    }
  }

  private LlmInt8Tensor int8(int outputs, int columns) {
    HostTensor values = HostTensor.of(normal(outputs * columns, 1), outputs, columns);
    return (LlmInt8Tensor) Quantizer.quantize("p", values, new Scheme.LlmInt8(), arena);
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void inputsThatAreNotFiniteAreRefused(float value) {
    AffineGrid grid = new AffineGrid(8, true, Symmetry.SYMMETRIC);
    AffineTensor weight = weight(5, 40, "int8:sym:channel");
    IntegerLinear[] products = {
      new AffineIntegerLinear("blocks.1", weight, grid, null),
      new AffineIntegerLinear("blocks.1", weight, grid, new AffineParameters(1, 0)),
      new LlmInt8Linear("blocks.1", int8(5, 40), 0),
    };
    for (IntegerLinear product : products) {
      try (Scope scope = Scope.open()) {
        float[] x = normal(80, 1);
        x[50] = value;
        assertThatThrownBy(() -> product.apply("blocks.1", Tensors.of(x, 2, 40)))
            .isInstanceOf(UserException.class)
            .hasMessageContaining("blocks.1")
            .hasMessageContaining("not a finite number");
      }
    }
  }

  @Test
  void weightsInGroupsAreRefused() {
    AffineTensor weight = weight(4, 32, "int8:sym:group=16");
    assertThatThrownBy(() ->
            new AffineIntegerLinear(
                "blocks.1", weight, new AffineGrid(8, true, Symmetry.SYMMETRIC), null))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("blocks.1")
        .hasMessageContaining("int8:sym:group=16")
        .hasMessageContaining("int8:sym:channel");
  }

  /// Forward and backward, through the layer.
  @ParameterizedTest
  @ValueSource(strings = {"none", "some", "all", "single", "zeros"})
  void llmInt8IsThatOfBitsandbytes(String name) {
    try (TensorSource golden = Golden.open("llm-int8.safetensors");
        Scratch scratch = new Scratch(DType.F32);
        Scope scope = Scope.open()) {
      HostTensor codes = golden.tensor(name + ".codes");
      LlmInt8Tensor weight =
          new LlmInt8Tensor(
              codes.shape(),
              DType.F32,
              arena.allocate(codes.byteSize()).copyFrom(codes.data()),
              golden.tensor(name + ".absmax").data());
      LlmInt8Linear product = new LlmInt8Linear("p", weight, LlmInt8Linear.DEFAULT_THRESHOLD);
      Linear linear = new Linear("p", new Weight.IntegerProduct(weight, product), null, scratch);
      Var x = Var.of(Tensors.copyOf(golden.tensor(name + ".x")), true);
      try (Tape tape = Tape.training()) {
        Var y = linear.apply(Pass.inference(1, (int) x.value().size(0)).with(tape), x);
        assertClose(y.value(), golden.tensor(name + ".y"));
        y.accumulate(Tensors.copyOf(golden.tensor(name + ".dy")));
        tape.backward();
      }
      assertClose(x.takeGrad(), golden.tensor(name + ".dx"));
    }
  }

  private static void assertClose(Tensor found, HostTensor expected) {
    float[] values = expected.toFloats();
    double largest = 0;
    for (float value : values) {
      largest = Math.max(largest, Math.abs(value));
    }
    assertThat(found.shape()).isEqualTo(expected.shape());
    assertThat(found.toFloats()).containsExactly(values, within((float) (OUTLIERS * largest)));
  }

  /// Without a threshold an outlier ruins the scale of its row; with it, the other columns keep
  /// their precision.
  @Test
  void outlierColumnsKeepTheOthersPrecise() {
    try (Scope scope = Scope.open()) {
      float[] x = normal(64, 5);
      x[9] = 4000;
      float[] w = normal(8 * 64, 1);
      for (int output = 0; output < 8; output++) {
        w[output * 64 + 9] = 0; // so that only the precision of the others is seen
      }
      LlmInt8Tensor weight =
          (LlmInt8Tensor)
              Quantizer.quantize("p", HostTensor.of(w, 8, 64), new Scheme.LlmInt8(), arena);
      Tensor input = Tensors.of(x, 1, 64);
      Tensor exact = input.linear(Tensors.of(w, 8, 64));
      double with = distance(new LlmInt8Linear("p", weight, 6).apply("p", input), exact);
      double without = distance(new LlmInt8Linear("p", weight, 0).apply("p", input), exact);
      assertThat(with).isLessThan(0.02);
      assertThat(without).isGreaterThan(10 * with);
    }
  }

  private static double distance(Tensor found, Tensor expected) {
    Tensor difference = found.sub(expected);
    return Math.sqrt(difference.mul(difference).sum().item() / expected.mul(expected).sum().item());
  }
}
