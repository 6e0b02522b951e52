package dev.fettle.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.AtomicFiles;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.LinearModule;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.node.ObjectNode;

class CheckpointInspectionTest {
  private static final String CONFIG =
      """
      {"model_type": "llama", "hidden_size": 64, "intermediate_size": 96, "vocab_size": 100,
       "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
       "torch_dtype": "bfloat16"}
      """;

  /// Two layers of q 64·64, k and v 32·64, o 64·64, gate, up and down 96·64, and two norms.
  private static final long PARAMETERS =
      2 * 100 * 64 + 64 + 2 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 96 * 64 + 2 * 64);

  @TempDir Path root;

  @Test
  void countsAPlainCheckpoint() {
    try (Checkpoint folder = Checkpoint.open(write(CONFIG))) {
      CheckpointInspection inspection = CheckpointInspection.of(folder);
      assertThat(inspection.parameters()).isEqualTo(PARAMETERS);
      assertThat(inspection.bytes()).isEqualTo(2 * PARAMETERS);
      assertThat(inspection.bitsPerWeight()).isEqualTo(16);
      assertThat(inspection.weights())
          .hasSize(21)
          .allSatisfy(weight -> assertThat(weight.format()).isEqualTo("bfloat16"));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"nf4:group=64", "nf4:group=64:double", "llm.int8"})
  void countsAQuantizedCheckpointUnpacked(String scheme) {
    Path quantized = root.resolve("q");
    QuantizeReport report =
        CheckpointQuantizer.quantize(
            write(CONFIG),
            quantized,
            new QuantizeOptions(Scheme.parse(scheme), DType.BF16, List.of("down_proj")),
            tensor -> {});
    try (Checkpoint folder = Checkpoint.open(quantized)) {
      CheckpointInspection inspection = CheckpointInspection.of(folder);
      assertThat(inspection.parameters()).isEqualTo(PARAMETERS);
      assertThat(inspection.bytes()).isEqualTo(report.outputBytes());
      assertThat(inspection.bitsPerWeight()).isEqualTo(report.bitsPerWeight());
      assertThat(inspection.weights())
          .hasSize(21)
          .filteredOn(weight -> weight.scheme() != null)
          .hasSize(12)
          .allSatisfy(weight -> assertThat(weight.format()).isEqualTo(scheme));
    }
  }

  @Test
  void countsWhatLoraTrains() {
    Architecture architecture =
        Architecture.of(ModelConfig.parse(Json.parse(CONFIG, "test"), "test"));
    List<LinearModule> queries =
        architecture.linears().stream().filter(l -> l.shortName().equals("q_proj")).toList();
    assertThat(CheckpointInspection.loraParameters(queries, 8)).isEqualTo(2 * 8 * (64 + 64));
    assertThat(CheckpointInspection.loraParameters(architecture.linears(), 1))
        .isEqualTo(2 * (2 * (64 + 64) + 2 * (64 + 32) + 3 * (64 + 96)));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void namesAWeightOfTheWrongShape(boolean quantize) {
    Path model = write(CONFIG);
    if (quantize) {
      Path quantized = root.resolve("q");
      CheckpointQuantizer.quantize(
          model,
          quantized,
          new QuantizeOptions(new Scheme.Nf4(64, false), DType.BF16, List.of()),
          tensor -> {});
      model = quantized;
    }
    ObjectNode config = Json.read(model.resolve("config.json"));
    config.put("intermediate_size", 128);
    AtomicFiles.writeString(model.resolve("config.json"), Json.pretty(config));
    try (Checkpoint folder = Checkpoint.open(model)) {
      assertThatThrownBy(() -> CheckpointInspection.of(folder))
          .isInstanceOf(UserException.class)
          .hasMessageContaining("model.layers.0.mlp.gate_proj.weight")
          .hasMessageContaining("[96, 64]")
          .hasMessageContaining("[128, 64]");
    }
  }

  private Path write(String config) {
    Path model = root.resolve("model");
    ObjectNode json = Json.parse(config, "test");
    Architecture architecture = Architecture.of(ModelConfig.parse(json, "test"));
    try (CheckpointWriter writer =
        CheckpointWriter.create(model, json, architecture.tensors(), List.of())) {
      for (TensorInfo info : architecture.tensors()) {
        writer.write(info.name(), TestWeights.normal(1, info.dtype(), info.shape().toArray()));
      }
      writer.commit();
    }
    return model;
  }
}
