package dev.fettle.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AffineScalesTest {
  private static final int ROWS = 7;
  private static final int COLUMNS = 96;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "int4:asym:group=32",
        "int3:sym:group=48",
        "uint4:asym:channel",
        "uint2:sym:group=32",
        "int8:sym:channel=1",
        "int8:sym:tensor:restricted",
        "uint8:asym:block=3x40"
      })
  void rangesOfTheWeightsGiveWhatTheQuantizerGives(String text) {
    Scheme.Affine scheme = (Scheme.Affine) Scheme.parse(text);
    HostTensor weight = weight(DType.BF16);
    AffineTensor expected = (AffineTensor) Quantizer.quantize(weight, scheme);
    AffineScales scales = new AffineScales("w", weight.shape(), DType.BF16, scheme, Arena.ofAuto());
    scales.fit(HostTensor.of(weight.toFloats(), ROWS, COLUMNS));
    AffineTensor found = scales.round(weight, Arena.ofAuto());
    assertEqual(found, expected);
    float[] values = dequantized(expected);
    HostTensor onGrid = HostTensor.of(values, ROWS, COLUMNS);
    assertEqual(scales.round(onGrid, Arena.ofAuto()), expected);
    AffineParameters first = scales.get(scales.index(0, 0));
    int q = first.quantize(values[0], scheme.grid());
    assertThat(first.dequantize(q)).isEqualTo(values[0]);
  }

  @Test
  void groupsThatDoNotDivideAreRefused() {
    Scheme.Affine scheme = (Scheme.Affine) Scheme.parse("int4:sym:group=64");
    Shape shape = Shape.of(2, 100);
    assertThatThrownBy(() -> new AffineScales("x", shape, DType.F32, scheme, Arena.ofAuto()))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("'x'");
  }

  private static HostTensor weight(DType dtype) {
    Random random = new Random(3);
    float[] values = new float[ROWS * COLUMNS];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian() + (i % COLUMNS < 32 ? 3 : 0);
    }
    return TestWeights.of(values, dtype, ROWS, COLUMNS);
  }

  private static void assertEqual(AffineTensor found, AffineTensor expected) {
    assertThat(found.scales().toFloats()).isEqualTo(expected.scales().toFloats());
    assertThat(found.codes().mismatch(expected.codes())).isEqualTo(-1);
    assertThat(bytes(found.zeroPoints())).isEqualTo(bytes(expected.zeroPoints()));
  }

  private static byte[] bytes(@Nullable HostTensor zeros) {
    return zeros == null ? new byte[0] : zeros.data().toArray(ValueLayout.JAVA_BYTE);
  }

  private static float[] dequantized(AffineTensor tensor) {
    float[] values = new float[ROWS * COLUMNS];
    tensor.dequantize(DType.F32, MemorySegment.ofArray(values));
    return values;
  }
}
