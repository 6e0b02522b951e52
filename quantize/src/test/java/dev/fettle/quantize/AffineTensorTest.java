package dev.fettle.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.quantize.kernel.ScalarAffineKernels;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Whole matrices against the formula applied number by number.
class AffineTensorTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "int8:sym:channel", "int8:sym:channel:restricted", "int8:sym:tensor", "uint8:asym:tensor",
        "uint8:asym:channel", "uint8:sym:channel", "int8:asym:channel=1", "int7:asym:group=32",
        "int6:sym:channel", "uint5:asym:group=32", "int4:sym:group=32", "int4:asym:group=96",
        "uint4:sym:group=32", "int3:sym:channel", "uint3:asym:block=3x32", "int2:asym:group=32",
        "int8:sym:block=128x128", "int4:asym:block=5x17"
      })
  void equalsTheFormulaForEveryNumber(String text) {
    Scheme.Affine scheme = (Scheme.Affine) Scheme.parse(text);
    assertThat(scheme).hasToString(text);
    HostTensor weight = TestWeights.normal(3, DType.F32, 7, 96);
    AffineTensor tensor = (AffineTensor) Quantizer.quantize(weight, scheme);
    assertThat(tensor.scheme()).isEqualTo(scheme);
    float[] exact = weight.toFloats();
    float[] stored = TestWeights.floats(tensor);
    for (int row = 0; row < 7; row++) {
      for (int column = 0; column < 96; column++) {
        AffineParameters parameters = parameters(exact, scheme, row, column);
        int q = parameters.quantize(exact[row * 96 + column], scheme.grid());
        assertThat(stored[row * 96 + column])
            .as("[%d, %d]", row, column)
            .isEqualTo(parameters.dequantize(q));
      }
    }
  }

  /// From the definition of each granularity.
  private static AffineParameters parameters(float[] weight, Scheme.Affine scheme, int r, int c) {
    float min = 0;
    float max = 0;
    for (int row = 0; row < 7; row++) {
      for (int column = 0; column < 96; column++) {
        if (share(scheme.granularity(), r, c, row, column)) {
          min = Math.min(min, weight[row * 96 + column]);
          max = Math.max(max, weight[row * 96 + column]);
        }
      }
    }
    return scheme.grid().parameters(min, max);
  }

  private static boolean share(Granularity granularity, int r, int c, int row, int column) {
    return switch (granularity) {
      case Granularity.PerTensor tensor -> true;
      case Granularity.PerChannel channel -> channel.axis() == 0 ? r == row : c == column;
      case Granularity.PerToken token -> r == row;
      case Granularity.PerGroup group -> r == row && c / group.size() == column / group.size();
      case Granularity.PerBlock block ->
          r / block.rows() == row / block.rows() && c / block.columns() == column / block.columns();
    };
  }

  @ParameterizedTest
  @CsvSource({"BF16", "F16"})
  void scalesAreStoredInTheDtypeOfTheWeight(DType dtype) {
    HostTensor weight = TestWeights.normal(4, dtype, 16, 128);
    AffineTensor tensor =
        (AffineTensor) Quantizer.quantize(weight, Scheme.parse("int4:asym:group=32"));
    assertThat(tensor.scales().dtype()).isEqualTo(dtype);
    assertThat(TensorError.of(weight, tensor).sqnrDb()).isGreaterThan(15);
  }

  @Test
  void packsLeastSignificantFirst() {
    // the row −8 … 7 of formats.md's compressed-tensors example
    float[] values = new float[16];
    for (int i = 0; i < 16; i++) {
      values[i] = i - 8;
    }
    HostTensor weight = HostTensor.of(values, 1, 16);
    AffineTensor tensor =
        (AffineTensor) Quantizer.quantize(weight, Scheme.parse("int4:asym:channel"));
    assertThat(tensor.codes().get(HostTensor.I32_LAYOUT, 0)).isEqualTo(0x76543210);
    assertThat(tensor.codes().get(HostTensor.I32_LAYOUT, 4)).isEqualTo(0xfedcba98);
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4, 5, 6, 7, 8})
  void codesSurviveTheBitStream(int bits) {
    MemorySegment row = MemorySegment.ofArray(new byte[64]);
    int low = bits == 8 ? -128 : 0;
    for (int i = 0; i < 33; i++) {
      ScalarAffineKernels.write(row, bits, i, low + i * 29 % (1 << bits));
    }
    for (int i = 0; i < 33; i++) {
      assertThat(ScalarAffineKernels.read(row, bits, i)).isEqualTo(low + i * 29 % (1 << bits));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "int4:sym:group=32",
        "uint8:asym:tensor",
        "int8:sym:channel",
        "uint4:sym:group=32"
      })
  void zerosStayZeros(String scheme) {
    HostTensor weight = HostTensor.of(new float[4 * 64], 4, 64);
    assertThat(TestWeights.floats(Quantizer.quantize(weight, Scheme.parse(scheme))))
        .containsOnly(0f);
  }

  @ParameterizedTest
  @ValueSource(floats = {0.25f, -3f, 1e-40f, 3e38f})
  void aConstantIsStoredToHalfAStep(float value) {
    float[] values = new float[64];
    java.util.Arrays.fill(values, value);
    HostTensor weight = HostTensor.of(values, 1, 64);
    QuantizedTensor tensor = Quantizer.quantize(weight, Scheme.parse("int4:asym:group=64"));
    assertThat(TestWeights.floats(tensor)[5] / value).isBetween(0.99f, 1.01f);
  }

  @ParameterizedTest
  @CsvSource({
    "NaN, int4:sym:group=32",
    "Infinity, uint8:asym:tensor",
    "-Infinity, int8:sym:channel=1"
  })
  void refusesWhatIsNotFinite(float bad, String scheme) {
    float[] values = new float[4 * 64];
    values[2 * 64 + 7] = bad;
    HostTensor weight = HostTensor.of(values, 4, 64);
    assertThatThrownBy(() -> Quantizer.quantize(weight, Scheme.parse(scheme)))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("[2, 7]");
  }

  @Test
  void refusesGroupsThatDoNotDivide() {
    HostTensor weight = TestWeights.normal(1, DType.F32, 2, 100);
    assertThatThrownBy(() -> Quantizer.quantize(weight, Scheme.parse("int4:sym:group=64")))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("rows of 100 weights, which groups of 64 do not divide");
  }

  @Test
  void partOfTheRowsEqualsTheWhole() {
    HostTensor weight = TestWeights.normal(9, DType.F32, 6, 96);
    for (String text : new String[] {"int3:asym:group=32", "nf4:group=64", "llm.int8"}) {
      QuantizedTensor tensor = Quantizer.quantize(weight, Scheme.parse(text));
      float[] part = new float[3 * 96];
      tensor.dequantizeRows(1, 4, DType.F32, MemorySegment.ofArray(part));
      float[] whole = TestWeights.floats(tensor);
      assertThat(part).isEqualTo(java.util.Arrays.copyOfRange(whole, 96, 4 * 96));
    }
    assertThat(Shape.of(6, 96)).isEqualTo(weight.shape());
  }
}
