package dev.fettle.quantize.bitsandbytes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.SafetensorsFile;
import dev.fettle.checkpoint.SafetensorsWriter;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.quantize.QuantizedTensor;
import dev.fettle.quantize.Quantizer;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.TestWeights;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.node.ObjectNode;

class BitsAndBytesLayoutTest {
  private static final String WEIGHT = "model.layers.0.self_attn.q_proj.weight";

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({
    "nf4:group=64,F32,48,32",
    "nf4:group=64,BF16,5,13",
    "nf4:group=128:double,BF16,300,128",
    "nf4:group=64:double,F16,1,1",
    "llm.int8,F16,7,33"
  })
  void readsBackWhatItWrites(String scheme, DType dtype, int rows, int columns) {
    HostTensor weight = TestWeights.normal(3, dtype, rows, columns);
    QuantizedTensor quantized = Quantizer.quantize(weight, Scheme.parse(scheme));
    SequencedMap<String, HostTensor> tensors = BitsAndBytesLayout.tensors(WEIGHT, quantized);
    List<TensorInfo> written = new ArrayList<>();
    tensors.forEach((name, t) -> written.add(new TensorInfo(name, t.dtype(), t.shape())));
    assertThat(BitsAndBytesLayout.plan(WEIGHT, weight.shape(), dtype, quantized.scheme()))
        .isEqualTo(written);

    try (SafetensorsFile file = write(tensors)) {
      assertThat(BitsAndBytesLayout.isQuantized(file, WEIGHT)).isTrue();
      assertThat(BitsAndBytesLayout.parts(file, WEIGHT))
          .containsExactlyInAnyOrderElementsOf(tensors.keySet());
      QuantizedTensor read = BitsAndBytesLayout.read(file, WEIGHT);
      assertThat(read.shape()).isEqualTo(weight.shape());
      assertThat(read.originalDtype()).isEqualTo(dtype);
      assertThat(read.scheme()).isEqualTo(quantized.scheme());
      assertThat(read.byteSize()).isEqualTo(quantized.byteSize());
      assertThat(TestWeights.floats(read)).isEqualTo(TestWeights.floats(quantized));
    }
  }

  /// The names, dtypes and shapes that bitsandbytes 0.50 wrote for a [96, 128] layer.
  @Test
  void writesTheTensorsOfBitsandbytes() {
    QuantizedTensor quantized =
        Quantizer.quantize(TestWeights.normal(1, DType.BF16, 96, 128), new Scheme.Nf4(64, true));
    SequencedMap<String, HostTensor> tensors = BitsAndBytesLayout.tensors(WEIGHT, quantized);
    assertThat(tensors.keySet())
        .containsExactly(
            WEIGHT,
            WEIGHT + ".absmax",
            WEIGHT + ".quant_map",
            WEIGHT + ".nested_absmax",
            WEIGHT + ".nested_quant_map",
            WEIGHT + ".quant_state.bitsandbytes__nf4");
    assertTensor(tensors, WEIGHT, DType.U8, 6144, 1);
    assertTensor(tensors, WEIGHT + ".absmax", DType.U8, 192);
    assertTensor(tensors, WEIGHT + ".quant_map", DType.F32, 16);
    assertTensor(tensors, WEIGHT + ".nested_absmax", DType.F32, 1);
    assertTensor(tensors, WEIGHT + ".nested_quant_map", DType.F32, 256);
    byte[] state =
        get(tensors, WEIGHT + ".quant_state.bitsandbytes__nf4")
            .data()
            .toArray(ValueLayout.JAVA_BYTE);
    assertThat(new String(state, StandardCharsets.UTF_8))
        .startsWith(
            "{\"quant_type\":\"nf4\",\"blocksize\":64,\"dtype\":\"bfloat16\",\"shape\":[96,128],"
                + "\"nested_blocksize\":256,\"nested_dtype\":\"float32\",\"nested_offset\":");
  }

  @Test
  void int8TensorsAreNamedAfterTheModule() {
    QuantizedTensor quantized =
        Quantizer.quantize(TestWeights.normal(1, DType.F16, 4, 8), new Scheme.LlmInt8());
    SequencedMap<String, HostTensor> tensors = BitsAndBytesLayout.tensors(WEIGHT, quantized);
    String module = "model.layers.0.self_attn.q_proj";
    assertTensor(tensors, WEIGHT, DType.I8, 4, 8);
    assertTensor(tensors, module + ".SCB", DType.F32, 4);
    assertTensor(tensors, module + ".weight_format", DType.U8);
  }

  @ParameterizedTest
  @CsvSource({
    ".absmax,F32,3,bitsandbytes has F32",
    ".absmax,I32,24,bitsandbytes has F32",
    ".quant_map,F32,16,sixteen levels",
    "'',U8,5,packs into 768 bytes"
  })
  void refusesTensorsThatContradictTheState(String part, DType dtype, int length, String message) {
    QuantizedTensor quantized =
        Quantizer.quantize(TestWeights.normal(1, DType.F32, 48, 32), new Scheme.Nf4(64, false));
    SequencedMap<String, HostTensor> tensors = BitsAndBytesLayout.tensors(WEIGHT, quantized);
    tensors.put(WEIGHT + part, HostTensor.of(new byte[length * dtype.bytes()], dtype, length));
    assertRefused(tensors, message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'quant_type':'fp4'}|quant_type nf4",
        "{'quant_type':'nf4','blocksize':63,'dtype':'float32','shape':[48,32]}|blocksize",
        "{'quant_type':'nf4','blocksize':64,'dtype':'float33','shape':[48,32]}|float33",
        "{'quant_type':'nf4','blocksize':64,'dtype':'int8','shape':[48,32]}|found int8",
        "{'quant_type':'nf4','blocksize':64,'dtype':'float32','shape':[-48,32]}|cannot be true",
        "{'quant_type':'nf4','blocksize':64,'dtype':'float32','shape':48}|list of dimensions",
        "{'quant_type':'nf4','blocksize':64,'dtype':'float32','shape':[48,99999999999]}|packs",
        "{'quant_type|Malformed JSON"
      })
  void refusesStatesThatLie(String json, String message) {
    QuantizedTensor quantized =
        Quantizer.quantize(TestWeights.normal(1, DType.F32, 48, 32), new Scheme.Nf4(64, false));
    SequencedMap<String, HostTensor> tensors = BitsAndBytesLayout.tensors(WEIGHT, quantized);
    byte[] state = json.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
    tensors.put(
        WEIGHT + ".quant_state.bitsandbytes__nf4", HostTensor.of(state, DType.U8, state.length));
    assertRefused(tensors, message);
  }

  @Test
  void aListOfSkippedModulesNamesTheOutputHeadToo() {
    ObjectNode plain = BitsAndBytesLayout.quantizationConfig(new Scheme.LlmInt8(), DType.BF16);
    assertThat(plain.get("llm_int8_skip_modules").isNull()).isTrue();
    assertThat(plain.get("load_in_8bit").booleanValue()).isTrue();
    ObjectNode some =
        BitsAndBytesLayout.quantizationConfig(
            new Scheme.Nf4(64, true), DType.BF16, List.of("down_proj"));
    assertThat(some.get("llm_int8_skip_modules").toString())
        .isEqualTo("[\"down_proj\",\"lm_head\"]");
    assertThat(some.get("bnb_4bit_use_double_quant").booleanValue()).isTrue();
  }

  private void assertRefused(SequencedMap<String, HostTensor> tensors, String message) {
    try (SafetensorsFile file = write(tensors)) {
      assertThatThrownBy(() -> BitsAndBytesLayout.read(file, WEIGHT))
          .isInstanceOf(UserException.class)
          .hasMessageContaining(WEIGHT)
          .hasMessageContaining(message);
    }
  }

  private SafetensorsFile write(SequencedMap<String, HostTensor> tensors) {
    Path file = folder.resolve("layer.safetensors");
    SafetensorsWriter.write(file, tensors, Map.of("format", "pt"));
    return SafetensorsFile.open(file);
  }

  private static HostTensor get(SequencedMap<String, HostTensor> tensors, String name) {
    return Objects.requireNonNull(tensors.get(name), name);
  }

  private static void assertTensor(
      SequencedMap<String, HostTensor> tensors, String name, DType dtype, long... dims) {
    HostTensor tensor = get(tensors, name);
    assertThat(tensor.dtype()).isEqualTo(dtype);
    assertThat(tensor.shape()).isEqualTo(Shape.of(dims));
  }
}
