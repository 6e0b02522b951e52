package dev.fettle.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.quantize.ggml.GgmlKernels;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class GgmlQuantizerTest {
  private static final int ROWS = 21;

  /// More than one run of [FloatRuns], so that rows are put together from several.
  private static final int COLUMNS = 4096 + 768;

  private final Arena arena = Arena.ofAuto();

  private static float[] importance() {
    float[] importance = new float[COLUMNS];
    for (int i = 0; i < COLUMNS; i++) {
      importance[i] = i % 11 == 0 ? 100 : 0.01f;
    }
    return importance;
  }

  @ParameterizedTest
  @EnumSource
  void everyRowHasTheSameImportance(GgmlType type) {
    HostTensor weight = TestWeights.normal(8, DType.BF16, ROWS, COLUMNS);
    GgmlTensor quantized = GgmlQuantizer.quantize("w", weight, type, importance(), arena);
    float[] floats = weight.toFloats();
    long rowBytes = type.bytes(COLUMNS);
    MemorySegment expected = arena.allocate(rowBytes);
    for (int row = 0; row < ROWS; row++) {
      float[] values = Arrays.copyOfRange(floats, row * COLUMNS, (row + 1) * COLUMNS);
      MemorySegment data = TestWeights.of(values, DType.F32, COLUMNS).data();
      GgmlKernels.get().quantizeRow(type, data, importance(), expected);
      MemorySegment actual = quantized.blocks().asSlice(row * rowBytes, rowBytes);
      assertThat(actual.mismatch(expected)).as("row %d", row).isEqualTo(-1);
    }
  }

  /// What an importance is for: the error it weighs is smaller with it than without.
  @ParameterizedTest
  @EnumSource(
      mode = EnumSource.Mode.EXCLUDE,
      names = {"Q8_0", "MXFP4"})
  void lowersTheWeightedError(GgmlType type) {
    HostTensor weight = TestWeights.normal(9, DType.F32, ROWS, COLUMNS);
    GgmlTensor without = GgmlQuantizer.quantize("w", weight, type, null, arena);
    GgmlTensor with = GgmlQuantizer.quantize("w", weight, type, importance(), arena);
    assertThat(weightedError(weight, with)).isLessThan(0.97 * weightedError(weight, without));
  }

  private static double weightedError(HostTensor weight, QuantizedTensor quantized) {
    float[] exact = weight.toFloats();
    float[] back = TestWeights.floats(quantized);
    float[] importance = importance();
    double sum = 0;
    for (int i = 0; i < exact.length; i++) {
      double difference = exact[i] - back[i];
      sum += importance[i % COLUMNS] * difference * difference;
    }
    return sum;
  }

  @Test
  void refusesAnImportanceThatDoesNotFit() {
    HostTensor weight = TestWeights.normal(9, DType.F32, 2, 256);
    assertThatThrownBy(
            () -> GgmlQuantizer.quantize("a.weight", weight, GgmlType.Q4_K, new float[128], arena))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("a.weight")
        .hasMessageContaining("256")
        .hasMessageContaining("128");
    for (float bad : new float[] {-1, Float.NaN, Float.POSITIVE_INFINITY}) {
      float[] importance = new float[256];
      importance[77] = bad;
      assertThatThrownBy(
              () -> GgmlQuantizer.quantize("a.weight", weight, GgmlType.Q4_0, importance, arena))
          .isInstanceOf(UserException.class)
          .hasMessageContaining("column 77");
    }
  }
}
