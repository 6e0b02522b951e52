package dev.fettle.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.SafetensorsWriter;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.node.ObjectNode;

/// GPTQ and AWQ folders as other tools write them: names of options, and what is refused.
class PackedFoldersTest {
  private static final String GPTQ = "{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":32}";
  private static final String AWQ =
      "{\"quant_method\":\"awq\",\"bits\":4,\"group_size\":32,\"version\":\"GEMM\"}";
  private static final Shape SHAPE = Shape.of(32, 64);

  @TempDir Path root;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'quant_method':'gptq','bits':4,'group_size':32} | 7 | int4:sym:group=32",
        "{'method':'gptq','format':'gptq_v2','bits':4,'group_size':32} | 8 | int4:sym:group=32",
        "{'quant_method':'GPTQ','checkpoint_format':'gptq_v2','bits':4,'group_size':32} | 3 | int4:asym:group=32",
        "{'quant_method':'gptq','bits':4,'group_size':32,'format':'gptq','checkpoint_format':'gptq','dynamic':{'-:lm_head':{}}} | 7 | int4:sym:group=32",
        "{'quant_method':'gptq','bits':8,'group_size':-1,'dynamic':{'+:m':{'bits':4,'group_size':32}}} | 7 | int4:sym:group=32",
        "{'quant_method':'awq','w_bit':4,'q_group_size':32,'version':'GEMM','zero_point':true} | 8 | int4:sym:group=32",
        "{'quant_method':'awq','bits':4,'group_size':32,'format':'gemm','modules_to_not_convert':null} | 1 | int4:asym:group=32",
      })
  void optionsHaveOldAndNewNames(String config, int zero, String scheme) {
    boolean awq = config.contains("awq");
    try (Checkpoint folder = Checkpoint.open(folder(config.replace('\'', '"'), awq, zero, null))) {
      QuantizedWeights weights = QuantizedWeights.of(folder);
      assertThat(weights.form("m.weight", SHAPE).scheme()).hasToString(scheme);
      assertThat(weights.read("m.weight", SHAPE).scheme()).hasToString(scheme);
    }
  }

  /// The first format stores a zero point less one, so 15 is zero.
  @Test
  void zeroPointsOfTheFirstFormatWrapAround() {
    try (Checkpoint folder = Checkpoint.open(folder(GPTQ, false, 15, null))) {
      AffineTensor read = (AffineTensor) QuantizedWeights.of(folder).read("m.weight", SHAPE);
      byte[] zeros =
          Objects.requireNonNull(read.zeroPoints()).data().toArray(ValueLayout.JAVA_BYTE);
      assertThat(zeros).containsOnly((byte) -8);
    }
  }

  @ParameterizedTest
  @CsvSource({"quantize_config.json,false,7", "quant_config.json,true,8"})
  void olderToolsPutTheConfigurationBesideTheModel(String name, boolean awq, int zero)
      throws IOException {
    Path folder = folder(null, awq, zero, null);
    Files.writeString(folder.resolve(name), "{\"bits\":4,\"group_size\":32,\"w_bit\":4}");
    try (Checkpoint opened = Checkpoint.open(folder)) {
      assertThat(QuantizedWeights.of(opened).read("m.weight", SHAPE).scheme())
          .hasToString("int4:sym:group=32");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'quant_method':'gptq','bits':5,'group_size':32} | has bits 5",
        "{'quant_method':'gptq','group_size':32} | 2, 3, 4 or 8 bits are supported",
        "{'quant_method':'gptq','bits':4} | has group_size",
        "{'quant_method':'gptq','bits':4,'group_size':0} | has group_size 0",
        "{'quant_method':'gptq','bits':4,'group_size':16} | does not go with the group size 16",
        "{'quant_method':'gptq','bits':8,'group_size':32} | demand I32 [2, 8]",
        "{'quant_method':'gptq','bits':4,'group_size':32,'checkpoint_format':'marlin'} | GPTQ format marlin",
        "{'quant_method':'gptq','bits':4,'group_size':32,'is_marlin_format':true} | GPTQ format marlin",
        "{'quant_method':'gptq','bits':4,'group_size':32,'format':'gptq','checkpoint_format':'gptq_v2'} | they must agree",
        "{'quant_method':'gptq','bits':4,'group_size':32,'pack_dtype':'int16'} | packs codes into int16",
        "{'quant_method':'gptq','bits':4,'group_size':32,'rotation':'hadamard'} | rotates activations",
        "{'quant_method':'awq','bits':4,'group_size':32,'version':'gemv'} | AWQ format gemv",
        "{'quant_method':'awq','bits':4,'group_size':32,'backend':'llm-awq'} | AWQ format llm-awq",
        "{'quant_method':'awq','bits':3,'group_size':32} | AWQ weights of 4 bits",
        "{'quant_method':'awq','bits':4} | has no group_size",
        "{'quant_method':'aqlm'} | is quantized by aqlm, which is not supported",
      })
  void refusesInOneSentence(String config, String message) {
    boolean awq = config.contains("'awq'");
    try (Checkpoint folder = Checkpoint.open(folder(config.replace('\'', '"'), awq, 7, null))) {
      assertThatThrownBy(() -> QuantizedWeights.of(folder).read("m.weight", SHAPE))
          .isInstanceOf(UserException.class)
          .hasMessageContaining(message);
    }
  }

  @Test
  void refusesDamagedTensors() {
    try (Checkpoint folder = Checkpoint.open(folder(GPTQ, false, 7, new int[] {63, 2}))) {
      assertThatThrownBy(() -> QuantizedWeights.of(folder).read("m.weight", SHAPE))
          .isInstanceOf(UserException.class)
          .hasMessageContaining("puts column 63 into group 2, but there are 2 groups");
    }
    try (Checkpoint folder = Checkpoint.open(folder(GPTQ, false, 7, null))) {
      assertThatThrownBy(() -> QuantizedWeights.of(folder).read("m.weight", Shape.of(64, 64)))
          .isInstanceOf(UserException.class)
          .hasMessageContaining("expected float16 scales [groups, 64]");
      assertThatThrownBy(() -> QuantizedWeights.of(folder).read("n.weight", SHAPE))
          .isInstanceOf(UserException.class)
          .hasMessageContaining("has no tensor 'n.scales'");
    }
    try (Checkpoint folder = Checkpoint.open(folder(AWQ, false, 7, null))) {
      assertThatThrownBy(() -> QuantizedWeights.of(folder).read("m.weight", SHAPE))
          .isInstanceOf(UserException.class)
          .hasMessageContaining("m.qweight")
          .hasMessageContaining("demand I32 [64, 4]");
    }
  }

  /// A folder with one layer `m` of 64 inputs and 32 outputs in two groups.
  ///
  /// @param config null for none in `config.json`
  /// @param zero every stored zero point
  /// @param damage a column and the group it is said to be in, or null for no `g_idx`
  private Path folder(@Nullable String config, boolean awq, int zero, int @Nullable [] damage) {
    SequencedMap<String, HostTensor> tensors = new LinkedHashMap<>();
    tensors.put("m.qweight", awq ? words(0x12345678, 64, 4) : words(0x12345678, 8, 32));
    tensors.put("m.qzeros", words(zero * 0x11111111, 2, 4));
    tensors.put("m.scales", TestWeights.normal(1, DType.F16, 2, 32));
    if (damage != null) {
      HostTensor index = GroupIndex.plain(64, 32);
      index.data().setAtIndex(HostTensor.I32_LAYOUT, damage[0], damage[1]);
      tensors.put("m.g_idx", index);
    }
    Path folder = root.resolve("folder-" + tensors.size() + awq);
    try {
      Files.createDirectories(folder);
      ObjectNode json = Json.object();
      if (config != null) {
        json.set("quantization_config", Json.parse(config, "test"));
      }
      Files.writeString(folder.resolve("config.json"), json.toString());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    SafetensorsWriter.write(folder.resolve("model.safetensors"), tensors, Map.of());
    return folder;
  }

  private static HostTensor words(int word, long rows, long columns) {
    MemorySegment data = Arena.ofAuto().allocate(4 * rows * columns, 64);
    for (long i = 0; i < rows * columns; i++) {
      data.setAtIndex(HostTensor.I32_LAYOUT, i, word);
    }
    return new HostTensor(DType.I32, Shape.of(rows, columns), data);
  }
}
