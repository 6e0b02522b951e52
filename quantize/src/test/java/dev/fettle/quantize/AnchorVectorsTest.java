package dev.fettle.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/// Bytes and numbers that bitsandbytes itself produced from the same input.
class AnchorVectorsTest {
  /// The anchor summed 19,200 float32 in float64 from its own float32 mean, which may differ from
  /// ours in the last bit (1.2e-7); the sum of all levels and scales moves by less than this.
  private static final double SUM_TOLERANCE = 2e-3;

  @Test
  void dynamicMapHasTheAnchorsBytes() throws NoSuchAlgorithmException {
    byte[] bytes = MemorySegment.ofArray(DynamicMap.values()).toArray(ValueLayout.JAVA_BYTE);
    assertThat(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes)))
        .isEqualTo("e732639a65f497b4ad684bb166a4467708255edd5207757de8b8f0c7e1fda89c");
  }

  @Test
  void nf4Plain() {
    JsonNode anchor = anchor("nf4_plain");
    QuantizedTensor quantized = anchorNf4(HostTensor.of(TestWeights.anchor(256), 4, 64));
    CodebookTensor nf4 = (CodebookTensor) quantized;
    assertThat(hex(nf4.packed())).isEqualTo(anchor.get("packed_hex").stringValue());
    float[] absmax = new float[4];
    nf4.absmax().read(0, 4, absmax);
    assertThat(absmax).isEqualTo(floats(anchor.get("absmax")));
    assertThat(TestWeights.floats(nf4)).startsWith(floats(anchor.get("dequant_first8")));
  }

  private static QuantizedTensor anchorNf4(HostTensor weight) {
    return Quantizer.quantize(weight, new Scheme.Nf4(64, false));
  }

  @Test
  void fp4Plain() {
    HostTensor weight = HostTensor.of(TestWeights.anchor(256), 4, 64);
    QuantizedTensor quantized = Quantizer.quantize(weight, new Scheme.Fp4(64, false));
    assertThat(hex(((CodebookTensor) quantized).packed()))
        .isEqualTo(anchor("fp4_plain").get("packed_hex").stringValue());
  }

  @Test
  void nf4DoubleQuantized() throws NoSuchAlgorithmException {
    JsonNode anchor = anchor("nf4_nested");
    float[] values = TestWeights.anchor(300 * 64);
    float[] rowScales = linspace(0.5f, 2, 300);
    for (int i = 0; i < values.length; i++) {
      values[i] *= rowScales[i / 64];
    }
    QuantizedTensor quantized =
        Quantizer.quantize(HostTensor.of(values, 300, 64), new Scheme.Nf4(64, true));
    CodebookTensor nf4 = (CodebookTensor) quantized;
    byte[] packed = nf4.packed().toArray(ValueLayout.JAVA_BYTE);
    assertThat(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(packed)))
        .isEqualTo(anchor.get("packed_sha256").stringValue());

    Absmax.Nested nested = (Absmax.Nested) nf4.absmax();
    byte[] codes = nested.codes().asSlice(0, 16).toArray(ValueLayout.JAVA_BYTE);
    for (int i = 0; i < 16; i++) {
      assertThat(codes[i] & 0xFF)
          .as("absmax %d", i)
          .isEqualTo(anchor.get("absmax_u8_first16").get(i).intValue());
    }
    float[] expectedAbsmax = floats(anchor.get("nested_absmax"));
    float[] nestedAbsmax = nested.absmax().toArray(HostTensor.F32_LAYOUT);
    assertThat(nestedAbsmax).containsExactly(expectedAbsmax, within(2e-7f));
    assertThat(nested.offset())
        .isCloseTo((float) anchor.get("offset").doubleValue(), within(2e-7f));
    float[] dequantized = TestWeights.floats(nf4);
    float[] first = floats(anchor.get("dequant_first8"));
    for (int i = 0; i < 8; i++) {
      assertThat(dequantized[i]).isCloseTo(first[i], within(3e-7f));
    }
    double sum = 0;
    for (float value : dequantized) {
      sum += value;
    }
    assertThat(sum).isCloseTo(anchor.get("dequant_sum_f64").doubleValue(), within(SUM_TOLERANCE));
  }

  @Test
  void int8() {
    JsonNode anchor = anchor("llm_int8");
    QuantizedTensor quantized =
        Quantizer.quantize(HostTensor.of(TestWeights.anchor(256), 4, 64), new Scheme.LlmInt8());
    LlmInt8Tensor int8 = (LlmInt8Tensor) quantized;
    for (int i = 0; i < 16; i++) {
      assertThat(int8.codes().get(ValueLayout.JAVA_BYTE, i))
          .isEqualTo((byte) anchor.get("CB_row0_first16").get(i).intValue());
    }
    assertThat(int8.absmax().toArray(HostTensor.F32_LAYOUT)).isEqualTo(floats(anchor.get("SCB")));
    assertThat(int8.originalDtype()).isEqualTo(DType.F32);
  }

  /// As `torch.linspace`: from the start in the first half, from the end in the second.
  private static float[] linspace(float start, float end, int steps) {
    float[] values = new float[steps];
    float step = (end - start) / (steps - 1);
    for (int i = 0; i < steps; i++) {
      values[i] = i < steps / 2 ? start + step * i : end - step * (steps - 1 - i);
    }
    return values;
  }

  private static String hex(MemorySegment bytes) {
    return HexFormat.of().formatHex(bytes.toArray(ValueLayout.JAVA_BYTE));
  }

  private static float[] floats(JsonNode array) {
    float[] values = new float[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) array.get(i).doubleValue();
    }
    return values;
  }

  private static JsonNode anchor(String name) {
    Path file =
        Path.of(System.getProperty("fettle.shared", "absent"), "golden/anchor-vectors.json");
    Assumptions.assumeTrue(Files.exists(file), () -> file + " is absent");
    JsonNode node = Json.read(file).get(name);
    assertThat(node).as(name).isNotNull();
    return node;
  }
}
