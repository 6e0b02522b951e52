package dev.fettle.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class QuantizerTest {
  /// A few million weights, so that several threads and parts take part.
  private static final long ROWS = 1025;

  private static final long COLUMNS = 515;

  @ParameterizedTest
  @ValueSource(strings = {"nf4:group=64", "nf4:group=4096:double", "llm.int8"})
  void schemesPrintAndParse(String text) {
    assertThat(Scheme.parse(text)).hasToString(text);
  }

  @ParameterizedTest
  @ValueSource(strings = {"nf5", "nf4:group=63", "nf4:group=", "nf4:group=64:triple", "int4"})
  void unknownSchemesAreRefused(String text) {
    assertThatThrownBy(() -> Scheme.parse(text)).isInstanceOf(UserException.class);
  }

  /// NF4's widest gap is between -1 and -0.696: no weight is further than half of it, times its
  /// scale, from its level. Double quantization moves the scales a little.
  @ParameterizedTest
  @CsvSource({"nf4:group=64,0.1520", "nf4:group=64:double,0.1620"})
  void nf4ErrorIsAtMostHalfTheWidestGap(String scheme, float bound) {
    HostTensor weight = TestWeights.normal(5, DType.BF16, ROWS, COLUMNS);
    QuantizedTensor quantized = Quantizer.quantize(weight, Scheme.parse(scheme));
    float[] exact = weight.toFloats();
    float[] approximate = TestWeights.floats(quantized);
    for (int i = 0; i < exact.length; i++) {
      float absmax = 0;
      for (int k = i / 64 * 64; k < Math.min(exact.length, i / 64 * 64 + 64); k++) {
        absmax = Math.max(absmax, Math.abs(exact[k]));
      }
      assertThat(Math.abs(exact[i] - approximate[i])).isLessThanOrEqualTo(bound * absmax);
    }
  }

  @Test
  void int8ErrorIsAtMostHalfAStep() {
    HostTensor weight = TestWeights.normal(6, DType.F16, ROWS, COLUMNS);
    float[] exact = weight.toFloats();
    float[] approximate = TestWeights.floats(Quantizer.quantize(weight, new Scheme.LlmInt8()));
    for (int row = 0; row < ROWS; row++) {
      float absmax = 0;
      for (int i = 0; i < COLUMNS; i++) {
        absmax = Math.max(absmax, Math.abs(exact[row * (int) COLUMNS + i]));
      }
      for (int i = 0; i < COLUMNS; i++) {
        int at = row * (int) COLUMNS + i;
        assertThat(approximate[at]).isCloseTo(exact[at], within(absmax * 0.50001f / 127));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"nf4:group=64", "nf4:group=64:double", "llm.int8"})
  void sixteenBitOutputIsTheRoundedFloatOutput(String scheme) {
    HostTensor weight = TestWeights.normal(7, DType.F32, 65, 130);
    QuantizedTensor quantized = Quantizer.quantize(weight, Scheme.parse(scheme));
    float[] floats = TestWeights.floats(quantized);
    for (DType target : new DType[] {DType.BF16, DType.F16}) {
      MemorySegment out = Arena.ofAuto().allocate(2L * floats.length);
      quantized.dequantize(target, out);
      MemorySegment expected = Arena.ofAuto().allocate(2L * floats.length);
      Casts.fromFloat(MemorySegment.ofArray(floats), floats.length, target, expected);
      assertThat(out.mismatch(expected)).isEqualTo(-1);
    }
  }

  @Test
  void errorReportFollowsItsFormulas() {
    HostTensor weight = HostTensor.of(new float[] {1, -1, 0.5f, 0.1f}, 2, 2);
    QuantizedTensor quantized = Quantizer.quantize(weight, new Scheme.Nf4(64, false));
    float[] q = TestWeights.floats(quantized);
    double third = 0.5 - q[2];
    double fourth = 0.1f - q[3];
    double sum = third * third + fourth * fourth;
    double signal = 1 + 1 + 0.25 + 0.1f * 0.1f;
    double norm = Math.sqrt(1 + 1 + (double) q[2] * q[2] + (double) q[3] * q[3]);
    TensorError error = TensorError.of(weight, quantized);
    assertThat(error.mse()).isCloseTo(sum / 4, within(1e-9));
    assertThat(error.rmse()).isCloseTo(Math.sqrt(sum / 4), within(1e-9));
    assertThat(error.maxAbs()).isCloseTo(Math.max(Math.abs(third), Math.abs(fourth)), within(1e-9));
    assertThat(error.sqnrDb()).isCloseTo(10 * Math.log10(signal / sum), within(1e-5));
    assertThat(error.cosine())
        .isCloseTo((2 + 0.5 * q[2] + 0.1f * q[3]) / (Math.sqrt(signal) * norm), within(1e-7));
  }

  @Test
  void zerosStayZeros() {
    HostTensor weight = TestWeights.of(new float[3 * 70], DType.BF16, 3, 70);
    for (Scheme scheme : new Scheme[] {new Scheme.Nf4(64, true), new Scheme.LlmInt8()}) {
      QuantizedTensor quantized = Quantizer.quantize(weight, scheme);
      assertThat(TestWeights.floats(quantized)).containsOnly(0);
      assertThat(TensorError.of(weight, quantized).mse()).isZero();
      assertThat(TensorError.of(weight, quantized).cosine()).isOne();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "nf4:group=64,NaN,BF16", "nf4:group=64:double,-Infinity,F32", "nf4:group=64,Infinity,F16",
    "llm.int8,NaN,F32", "llm.int8,Infinity,BF16", "llm.int8,70000,F32"
  })
  void namesTheWeightThatIsNotFinite(String scheme, float bad, DType dtype) {
    float[] values = new float[9 * 200];
    values[7 * 200 + 131] = bad;
    HostTensor weight = TestWeights.of(values, dtype, 9, 200);
    assertThatThrownBy(
            () -> Quantizer.quantize("a.weight", weight, Scheme.parse(scheme), Arena.ofAuto()))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("a.weight")
        .hasMessageContaining("[7, 131]");
  }

  @Test
  void refusesWhatIsNoFloatMatrix() {
    HostTensor integers = HostTensor.of(new byte[16], DType.I8, 4, 4);
    assertThatThrownBy(() -> Quantizer.quantize(integers, new Scheme.Nf4(64, false)))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("int8");
    HostTensor vector = HostTensor.of(new float[4], 4);
    assertThatThrownBy(() -> Quantizer.quantize(vector, new Scheme.LlmInt8()))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("matrix");
  }
}
