package dev.fettle.calibrate.gptq;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.calibrate.block.InputMoments;
import dev.fettle.calibrate.block.LayerProblem;
import dev.fettle.calibrate.block.LayerResult;
import dev.fettle.calibrate.block.LayerSolver;
import dev.fettle.calibrate.block.OutputError;
import dev.fettle.checkpoint.SafetensorsFile;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.Quantizer;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GptqTest {
  private static final int ROWS = 5;
  private static final int COLUMNS = 192;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "int4:sym:group=32",
        "int4:sym:group=32 desc_act",
        "int4:sym:group=32 desc_act g_idx",
        "uint3:asym:group=32",
        "uint3:asym:group=32 desc_act",
        "uint3:asym:group=32 desc_act g_idx",
        "int3:sym:channel",
        "uint4:asym:channel desc_act"
      })
  void everyWeightEqualsThatOfTheReference(String name) {
    Path file = Path.of("src/test/resources/golden/gptq.safetensors");
    try (SafetensorsFile golden = SafetensorsFile.open(file)) {
      Scheme.Affine scheme = (Scheme.Affine) Scheme.parse(name.split(" ")[0]);
      boolean indexed = name.endsWith(" g_idx");
      GptqOptions options =
          GptqOptions.defaults().withDescAct(name.contains("desc_act")).withStaticGroups(!indexed);
      HostTensor weight = nativeCopy(golden.tensor("weight").toFloats(), 8, 160);
      float[] x = golden.tensor("x").toFloats();
      LayerResult result = solve(weight, x, scheme, options);
      assertThat(result.fallback()).isFalse();
      assertThat(values(result.tensor())).isEqualTo(golden.tensor(name).toFloats());
      HostTensor index = result.tensor().groupIndex();
      assertThat(index != null).isEqualTo(indexed);
      if (index != null) {
        HostTensor groups = golden.tensor(name + " groups");
        assertThat(index.data().mismatch(groups.data())).isEqualTo(-1);
      }
    }
  }

  /// Blocks, lazy updates and the Cholesky factor change nothing against the definition.
  @ParameterizedTest
  @ValueSource(ints = {16, 64, 96, 128, 192})
  void blocksEqualColumnByColumn(int blockSize) {
    HostTensor weight = normal(1, 1, ROWS, COLUMNS);
    float[] x = correlated(2, 400);
    Scheme.Affine scheme = (Scheme.Affine) Scheme.parse("int4:asym:group=32");
    float[] found =
        values(solve(weight, x, scheme, new GptqOptions(false, 0.01, blockSize)).tensor());
    double[][] inverse = ColumnByColumn.inverse(dampedHessian(x, 0.01));
    for (int row = 0; row < ROWS; row++) {
      double[] w = new double[COLUMNS];
      double[][] own = new double[COLUMNS][];
      for (int i = 0; i < COLUMNS; i++) {
        w[i] = weight.toFloats()[row * COLUMNS + i];
        own[i] = inverse[i].clone();
      }
      float[] expected = ColumnByColumn.quantize(w, own, 32, scheme.grid());
      float[] part = Arrays.copyOfRange(found, row * COLUMNS, (row + 1) * COLUMNS);
      assertThat(part).as("row %d", row).isEqualTo(expected);
    }
  }

  /// Inputs that have nothing to do with each other leave nothing to compensate.
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void independentInputsGiveRoundToNearest(boolean descAct) {
    HostTensor weight = normal(3, 1, ROWS, COLUMNS);
    float[] x = new float[COLUMNS * COLUMNS];
    for (int i = 0; i < COLUMNS; i++) {
      x[i * COLUMNS + i] = 1 + i % 7;
    }
    Scheme.Affine scheme = (Scheme.Affine) Scheme.parse("int3:sym:group=64");
    GptqOptions options = GptqOptions.defaults().withDescAct(descAct);
    AffineTensor nearest = (AffineTensor) Quantizer.quantize(weight, scheme);
    assertThat(values(solve(weight, x, scheme, options).tensor())).isEqualTo(values(nearest));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "int4:sym:tensor",
        "int4:asym:block=2x48",
        "uint4:sym:channel=1",
        "int2:asym:group=192"
      })
  void everyGranularityBeatsRoundToNearestOnItsOwnInputs(String text) {
    HostTensor weight = normal(5, 1, ROWS, COLUMNS);
    float[] x = correlated(6, 500);
    Scheme.Affine scheme = (Scheme.Affine) Scheme.parse(text);
    try (InputMoments moments = moments(x)) {
      double nearest = OutputError.relative(weight, Quantizer.quantize(weight, scheme), moments);
      AffineTensor found = solve(weight, x, scheme, GptqOptions.defaults()).tensor();
      assertThat(OutputError.relative(weight, found, moments)).isLessThan(0.8 * nearest);
    }
  }

  @Test
  void aHessianThatIsNotPositiveDefiniteRaisesTheDampingThenFallsBack() {
    HostTensor weight = normal(7, 1, ROWS, COLUMNS);
    Scheme.Affine scheme = (Scheme.Affine) Scheme.parse("int4:sym:group=32");
    LayerResult raised = solveIndefinite(weight, scheme, -0.03f);
    assertThat(raised.fallback()).isFalse();
    assertThat(raised.note()).isEqualTo("damping raised to 0.04");
    LayerResult given = solveIndefinite(weight, scheme, -3);
    assertThat(given.fallback()).isTrue();
    assertThat(given.note()).contains("not positive definite");
    AffineTensor nearest = (AffineTensor) Quantizer.quantize(weight, scheme);
    assertThat(values(given.tensor())).isEqualTo(values(nearest));
  }

  /// A diagonal of ones but for one negative element, which no real inputs have.
  private static LayerResult solveIndefinite(HostTensor weight, Scheme.Affine scheme, float least) {
    try (Scope scope = Scope.open();
        InputMoments moments = new InputMoments(COLUMNS);
        Arena arena = Arena.ofShared()) {
      for (int i = 0; i < COLUMNS; i++) {
        moments
            .gram()
            .segment()
            .set(HostTensor.F64_LAYOUT, 8L * (i * COLUMNS + i), i == 9 ? least : 1.0);
      }
      try (LayerSolver.Inputs inputs = new Gptq(GptqOptions.defaults()).prepare(moments)) {
        return inputs.solve(new LayerProblem("layer", weight, DType.F32, scheme, Arena.ofAuto()));
      }
    }
  }

  private static LayerResult solve(
      HostTensor weight, float[] x, Scheme.Affine scheme, GptqOptions options) {
    try (InputMoments moments = moments(x, (int) weight.shape().dim(1));
        LayerSolver.Inputs inputs = new Gptq(options).prepare(moments)) {
      return inputs.solve(new LayerProblem("layer", weight, DType.F32, scheme, Arena.ofAuto()));
    }
  }

  private static InputMoments moments(float[] x) {
    return moments(x, COLUMNS);
  }

  private static InputMoments moments(float[] x, int columns) {
    InputMoments moments = new InputMoments(columns);
    try (Scope scope = Scope.open()) {
      Tensor all = Tensors.of(x, x.length / columns, columns);
      moments.add(all);
    }
    return moments;
  }

  private static double[][] dampedHessian(float[] x, double percent) {
    int tokens = x.length / COLUMNS;
    double[][] hessian = new double[COLUMNS][COLUMNS];
    for (int t = 0; t < tokens; t++) {
      for (int i = 0; i < COLUMNS; i++) {
        for (int j = 0; j < COLUMNS; j++) {
          hessian[i][j] += 2.0 / tokens * x[t * COLUMNS + i] * x[t * COLUMNS + j];
        }
      }
    }
    double mean = 0;
    for (int i = 0; i < COLUMNS; i++) {
      mean += hessian[i][i] / COLUMNS;
    }
    for (int i = 0; i < COLUMNS; i++) {
      hessian[i][i] += percent * mean;
    }
    return hessian;
  }

  /// Neighbouring inputs move together; multiples of 1/8, so that float32 sums are exact.
  private static float[] correlated(long seed, int tokens) {
    Random random = new Random(seed);
    float[] x = new float[tokens * COLUMNS];
    for (int t = 0; t < tokens; t++) {
      double previous = 0;
      for (int i = 0; i < COLUMNS; i++) {
        previous = 0.9 * previous + random.nextGaussian();
        x[t * COLUMNS + i] = (float) (Math.rint(8 * previous) / 8);
      }
    }
    return x;
  }

  private static HostTensor normal(long seed, double deviation, int rows, int columns) {
    Random random = new Random(seed);
    float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (deviation * random.nextGaussian());
    }
    return nativeCopy(values, rows, columns);
  }

  private static HostTensor nativeCopy(float[] values, int rows, int columns) {
    MemorySegment data = Arena.ofAuto().allocate(4L * values.length, 64);
    MemorySegment.copy(values, 0, data, HostTensor.F32_LAYOUT, 0, values.length);
    return new HostTensor(DType.F32, Shape.of(rows, columns), data);
  }

  private static float[] values(AffineTensor tensor) {
    float[] values = new float[(int) tensor.shape().elements()];
    tensor.dequantize(DType.F32, MemorySegment.ofArray(values));
    return values;
  }
}
