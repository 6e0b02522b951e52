package dev.fettle.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.checkpoint.SafetensorsFile;
import dev.fettle.quantize.bitsandbytes.BitsAndBytesLayout;
import dev.fettle.tensor.HostTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Compares with what bitsandbytes made of the same weights; the file is written by
/// `tools/golden/make_quantized.py`.
class BitsAndBytesGoldenTest {
  /// bitsandbytes takes the mean of the scales in float32, so ours may differ in its last bit, and
  /// a scale on the edge between two 8-bit codes may take the other one: of the block's scale,
  /// then, half the widest gap of the dynamic map (0.0070) times the spread of the scales (below
  /// 4).
  private static final float NESTED_TOLERANCE = 0.03f;

  private final SafetensorsFile golden = open();

  @ParameterizedTest
  @ValueSource(strings = {"nf4_f32", "nf4_f16", "nf4_bf16", "nf4_double_f32", "nf4_double_bf16"})
  void readsNf4Exactly(String name) {
    QuantizedTensor read = BitsAndBytesLayout.read(golden, name + ".weight");
    HostTensor expected = golden.tensor("dequantized." + name);
    assertThat(read.shape()).isEqualTo(expected.shape());
    assertThat(read.originalDtype()).isEqualTo(expected.dtype());
    assertDequantizesTo(read, expected);
  }

  @ParameterizedTest
  @ValueSource(strings = {"int8_f32", "int8_f16", "int8_bf16"})
  void readsAndWritesInt8Exactly(String name) {
    HostTensor expected = golden.tensor("dequantized." + name);
    assertDequantizesTo(BitsAndBytesLayout.read(golden, name + ".weight"), expected);
    LlmInt8Tensor int8 =
        (LlmInt8Tensor) Quantizer.quantize(golden.tensor("input." + name), new Scheme.LlmInt8());
    assertSame(int8.codes(), golden.tensor(name + ".weight"));
    assertSame(int8.absmax(), golden.tensor(name + ".SCB"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"nf4_f32", "nf4_f16", "nf4_bf16"})
  void writesNf4Exactly(String name) {
    Scheme scheme = BitsAndBytesLayout.read(golden, name + ".weight").scheme();
    CodebookTensor nf4 =
        (CodebookTensor) Quantizer.quantize(golden.tensor("input." + name), scheme);
    assertSame(nf4.packed(), golden.tensor(name + ".weight"));
    assertSame(((Absmax.Plain) nf4.absmax()).values(), golden.tensor(name + ".weight.absmax"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"nf4_double_f32", "nf4_double_bf16"})
  void writesDoubleQuantizedNf4UpToTheMean(String name) {
    HostTensor input = golden.tensor("input." + name);
    QuantizedTensor ours = Quantizer.quantize(input, new Scheme.Nf4(64, true));
    assertSame(((CodebookTensor) ours).packed(), golden.tensor(name + ".weight"));
    Absmax.Nested nested = (Absmax.Nested) ((CodebookTensor) ours).absmax();
    assertSame(nested.map(), golden.tensor(name + ".weight.nested_quant_map"));
    float[] expected = TestWeights.floats(BitsAndBytesLayout.read(golden, name + ".weight"));
    float[] actual = TestWeights.floats(ours);
    for (int i = 0; i < actual.length; i++) {
      assertThat(actual[i]).isCloseTo(expected[i], within(NESTED_TOLERANCE));
    }
  }

  @Test
  void holdsEveryCase() {
    assertThat(golden.infos().keySet().stream().filter(name -> name.startsWith("input.")))
        .hasSize(8);
  }

  private static void assertDequantizesTo(QuantizedTensor tensor, HostTensor expected) {
    MemorySegment out = Arena.ofAuto().allocate(expected.byteSize());
    tensor.dequantize(expected.dtype(), out);
    assertSame(out, expected);
  }

  private static void assertSame(MemorySegment actual, HostTensor expected) {
    assertThat(actual.mismatch(expected.data())).as("first differing byte").isEqualTo(-1);
  }

  private static SafetensorsFile open() {
    URL resource =
        Objects.requireNonNull(
            BitsAndBytesGoldenTest.class.getResource("/golden/bitsandbytes.safetensors"));
    try {
      return SafetensorsFile.open(Path.of(resource.toURI()));
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  @AfterEach
  void close() {
    golden.close();
  }
}
