package dev.fettle.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.CheckpointFolder;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.checkpoint.GgufCheckpoint;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.checkpoint.gguf.GgufFile;
import dev.fettle.checkpoint.gguf.GgufTensorInfo;
import dev.fettle.checkpoint.gguf.GgufTensorType;
import dev.fettle.engine.Scope;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.quantize.CheckpointQuantizer;
import dev.fettle.quantize.GgmlQuantizer;
import dev.fettle.quantize.GgmlTensor;
import dev.fettle.quantize.GgmlType;
import dev.fettle.quantize.QuantizeOptions;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.UnpackedCheckpoint;
import dev.fettle.quantize.ggml.GgufRecipe;
import dev.fettle.quantize.ggml.Imatrix;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// GGUF files of small models of every family, read back.
class GgufExportTest {
  private static final Path FAMILIES = Path.of("../model/src/test/resources/golden/families");

  /// Half a step of float32 numbers between 1 and 2.
  private static final double GAIN_ROUNDING = 1.2e-7;

  /// What that makes of logits below 3.
  private static final double LOGIT_ROUNDING = 1e-5;

  @TempDir Path folder;

  private ConversionReport export(Path model, String output, GgufRecipe recipe) {
    return export(model, output, GgufExportOptions.of(recipe));
  }

  private ConversionReport export(Path model, String output, GgufExportOptions options) {
    try (UnpackedCheckpoint source = UnpackedCheckpoint.open(model)) {
      return GgufExport.write(source, folder.resolve(output), options, ExportListener.none());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama3",
        "llama-bias",
        "llama-linear-rope",
        "mistral",
        "qwen2",
        "qwen3",
        "phi3",
        "phi3-partial",
        "granite-bias"
      })
  void float32ComesBackExactly(String family) {
    ConversionReport report = export(FAMILIES.resolve(family), "m.gguf", GgufRecipe.F32);
    assertThat(report.exact()).isTrue();
    try (Checkpoint before = Checkpoint.open(FAMILIES.resolve(family));
        Checkpoint after = Checkpoint.open(folder.resolve("m.gguf"))) {
      ModelConfig expected = before.config();
      ModelConfig found = after.config();
      assertThat(found.layers()).isEqualTo(expected.layers());
      assertThat(Architecture.of(found)).isEqualTo(architecture(expected, found));
      assertThat(after.infos().keySet())
          .containsExactlyInAnyOrderElementsOf(before.infos().keySet());
      for (TensorInfo tensor : before.infos().values()) {
        assertThat(after.infos().get(tensor.name())).isEqualTo(tensor);
        assertThat(after.tensor(tensor.name()).data().mismatch(before.tensor(tensor.name()).data()))
            .as(tensor.name())
            .isEqualTo(-1);
      }
    }
    assertThat(logits(folder.resolve("m.gguf"))).isEqualTo(logits(FAMILIES.resolve(family)));
  }

  /// Gains of Gemma lose their last bits to the 1 that is added; queries of models whose scale
  /// llama.cpp has otherwise carry the quotient.
  @ParameterizedTest
  @ValueSource(strings = {"gemma", "gemma2", "gemma3"})
  void gemmaComputesTheSame(String family) {
    export(FAMILIES.resolve(family), "m.gguf", GgufRecipe.F32);
    try (Checkpoint before = Checkpoint.open(FAMILIES.resolve(family));
        Checkpoint after = Checkpoint.open(folder.resolve("m.gguf"))) {
      assertThat(after.config().softCaps()).isEqualTo(before.config().softCaps());
      assertThat(after.config().norms()).isEqualTo(before.config().norms());
      assertThat(after.infos().keySet())
          .containsExactlyInAnyOrderElementsOf(before.infos().keySet());
      String name = "model.layers.1.input_layernorm.weight";
      assertThat(largestDifference(after.tensor(name).toFloats(), before.tensor(name).toFloats()))
          .isLessThan(GAIN_ROUNDING);
    }
    float[] logits = logits(folder.resolve("m.gguf"));
    assertThat(largestDifference(logits, logits(FAMILIES.resolve(family))))
        .isLessThan(LOGIT_ROUNDING);
  }

  @ParameterizedTest
  @CsvSource({
    "smollm3, mlp_bias",
    "gemma-bias, attention_bias",
    "llama-gelu, activation gelu",
    "gemma2-uncapped, activation gelu",
    "qwen3-window, attention_bias"
  })
  void whatLlamaCppDoesNotComputeIsRefused(String family, String message) {
    assertThatThrownBy(() -> export(FAMILIES.resolve(family), "m.gguf", GgufRecipe.F32))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(message)
        .hasMessageContaining("use it as a Hugging Face folder");
    assertThat(folder).isEmptyDirectory();
  }

  private static double largestDifference(float[] a, float[] b) {
    assertThat(a).hasSameSizeAs(b);
    double most = 0;
    for (int i = 0; i < a.length; i++) {
      most = Math.max(most, Math.abs(a[i] - b[i]));
    }
    return most;
  }

  /// The same layers, in a file that may call its family otherwise.
  private static Architecture architecture(ModelConfig expected, ModelConfig found) {
    Architecture architecture = Architecture.of(expected);
    return new Architecture(found, architecture.tensors(), architecture.linears());
  }

  private static float[] logits(Path model) {
    try (CausalLm loaded = CausalLm.load(model, LoadOptions.defaults());
        Scope scope = Scope.open()) {
      int[] ids = {1, 17, 2, 50, 33, 33, 4, 8, 60, 71, 5};
      return loaded.logits(new int[][] {ids}).toFloats();
    }
  }

  @Test
  void quantizedTensorsAreThoseOfTheQuantizer() {
    Path model = FAMILIES.resolve("qwen2");
    export(model, "m.gguf", GgufRecipe.Q8_0);
    try (Checkpoint before = Checkpoint.open(model);
        GgufFile after = GgufFile.open(folder.resolve("m.gguf"));
        Arena arena = Arena.ofShared()) {
      HostTensor weight = before.tensor("model.layers.1.self_attn.q_proj.weight");
      GgmlTensor expected = GgmlQuantizer.quantize("q", weight, GgmlType.Q8_0, null, arena);
      assertThat(after.data("blk.1.attn_q.weight").mismatch(expected.blocks())).isEqualTo(-1);
      assertThat(type(after, "blk.1.attn_q.weight")).isEqualTo(GgufTensorType.Q8_0);
      assertThat(type(after, "blk.0.ffn_down.weight"))
          .as("56 columns are no whole blocks")
          .isEqualTo(GgufTensorType.F16);
      assertThat(type(after, "blk.1.attn_q.bias")).isEqualTo(GgufTensorType.F32);
      assertThat(type(after, "output_norm.weight")).isEqualTo(GgufTensorType.F32);
    }
  }

  private static GgufTensorType type(GgufFile file, String name) {
    return Objects.requireNonNull(file.tensors().get(name)).type();
  }

  @Test
  void importanceReachesTheQuantizer() {
    Path model = FAMILIES.resolve("qwen2");
    float[] importance = new float[32];
    for (int i = 0; i < importance.length; i++) {
      importance[i] = i % 5 == 0 ? 100 : 0.01f;
    }
    export(
        model,
        "m.gguf",
        new GgufExportOptions(
            GgufRecipe.Q4_0,
            new Imatrix(
                "test",
                List.of(),
                1,
                0,
                new TreeMap<>(
                    Map.of("blk.0.ffn_up.weight", new Imatrix.Entry(importance, new float[] {1})))),
            "named"));
    try (Checkpoint before = Checkpoint.open(model);
        GgufFile after = GgufFile.open(folder.resolve("m.gguf"));
        Arena arena = Arena.ofShared()) {
      HostTensor weight = before.tensor("model.layers.0.mlp.up_proj.weight");
      GgmlTensor weighted = GgmlQuantizer.quantize("up", weight, GgmlType.Q4_0, importance, arena);
      GgmlTensor plain = GgmlQuantizer.quantize("up", weight, GgmlType.Q4_0, null, arena);
      assertThat(after.data("blk.0.ffn_up.weight").mismatch(weighted.blocks())).isEqualTo(-1);
      assertThat(after.data("blk.0.ffn_up.weight").mismatch(plain.blocks())).isNotEqualTo(-1);
      assertThat(after.metadata().text("general.name")).isEqualTo("named");
    }
  }

  /// Blocks of a file are copied into the next: nothing is rounded twice, and rows of queries and
  /// keys go there and back.
  @ParameterizedTest
  @EnumSource(
      value = GgufRecipe.class,
      names = {"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q5_1", "IQ4_NL", "Q4_K_M"})
  void exportingAnExportChangesNothing(GgufRecipe recipe) {
    GgufExportOptions named = new GgufExportOptions(recipe, null, "same");
    export(FAMILIES.resolve("mistral"), "first.gguf", named);
    ConversionReport report = export(folder.resolve("first.gguf"), "second.gguf", named);
    assertThat(report.exact()).isTrue();
    try (GgufFile first = GgufFile.open(folder.resolve("first.gguf"));
        GgufFile second = GgufFile.open(folder.resolve("second.gguf"))) {
      assertThat(List.copyOf(second.tensors().values()))
          .isEqualTo(List.copyOf(first.tensors().values()));
      for (GgufTensorInfo tensor : first.tensors().values()) {
        assertThat(second.data(tensor.name()).mismatch(first.data(tensor.name())))
            .as(tensor.name())
            .isEqualTo(-1);
      }
    }
  }

  @Test
  void saysWhatTheFileWillNotDo() throws IOException {
    Path model = SmallModel.write(folder.resolve("small"), DType.F32);
    Files.delete(model.resolve("tokenizer.json"));
    ConversionReport first = export(model, "first.gguf", GgufRecipe.F32);
    assertThat(first.notes())
        .singleElement(InstanceOfAssertFactories.STRING)
        .contains("has no tokenizer");
    assertThat(export(first.output(), "second.gguf", GgufRecipe.F32).notes()).isEmpty();
  }

  @Test
  void integersThatBlocksCanHoldAreTakenOver() {
    Path half = folder.resolve("half");
    Conversion.run(
        FAMILIES.resolve("mistral"),
        half,
        ConversionOptions.of(ExportFormat.SAFETENSORS).withDtype(DType.F16),
        ExportListener.none());
    Path quantized = folder.resolve("int4");
    CheckpointQuantizer.quantize(
        half,
        quantized,
        new QuantizeOptions(
            Scheme.parse("int4:sym:group=32"), DType.F16, List.of("lm_head", "down_proj")),
        tensor -> {});
    ConversionReport report = export(quantized, "m.gguf", GgufRecipe.Q4_0);
    List<ConvertedTensor> integers =
        report.tensors().stream().filter(tensor -> tensor.from().startsWith("int4")).toList();
    assertThat(integers).hasSize(12).allMatch(ConvertedTensor::exact);
    assertThat(report.inexact()).as("embedding and head are rounded").isEqualTo(2);
  }

  @Test
  void whatDoesNotFitIsRefusedAndLeavesNothing() throws IOException {
    assertThatThrownBy(() -> export(FAMILIES.resolve("qwen2"), "", GgufRecipe.F32))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("is a folder");
    Path large = with("model.norm.weight", null, 1e6f);
    export(large, "norms-stay-float32.gguf", GgufRecipe.F16);
    Path overflow = with("model.layers.0.mlp.up_proj.weight", null, 1e6f);
    refuse(overflow, GgufRecipe.F16, "which float16 cannot");
    refuse(overflow, GgufRecipe.Q8_0, "up_proj");
    export(overflow, "bf16.gguf", GgufRecipe.BF16);
    refuse(with("model.layers.0.extra.weight", "extra", 1), GgufRecipe.F32, "no part of a model");
    try (Stream<Path> left = Files.list(folder)) {
      assertThat(
              left.map(path -> path.getFileName().toString())
                  .filter(name -> name.contains(".gguf")))
          .containsExactlyInAnyOrder("norms-stay-float32.gguf", "bf16.gguf");
    }
  }

  private void refuse(Path model, GgufRecipe recipe, String message) {
    assertThatThrownBy(() -> export(model, "refused.gguf", recipe))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(message);
  }

  /// The llama model with one number of a tensor replaced, or a tensor added.
  private Path with(String name, @Nullable String added, float value) {
    Path model = folder.resolve("with-" + name);
    try (CheckpointFolder source = CheckpointFolder.open(FAMILIES.resolve("llama3"))) {
      List<TensorInfo> plan = new ArrayList<>(source.infos().values());
      if (added != null) {
        plan.add(new TensorInfo(name, DType.F32, HostTensor.of(new float[1], 1).shape()));
      }
      try (CheckpointWriter writer =
          CheckpointWriter.create(model, source.configJson(), plan, source.companions())) {
        for (TensorInfo tensor : plan) {
          if (tensor.name().equals(name)) {
            float[] values = added == null ? source.tensor(name).toFloats() : new float[1];
            values[0] = value;
            writer.write(name, HostTensor.of(values, tensor.shape().toArray()));
          } else {
            writer.write(tensor.name(), source.tensor(tensor.name()));
          }
        }
        writer.commit();
      }
    }
    return model;
  }

  @Test
  void aTokenizerGoesAlong() {
    Path stories =
        Path.of(System.getProperty("fettle.shared", "../../shared"), "assets/stories260K");
    assumeTrue(Files.isDirectory(stories), "needs " + stories);
    export(stories, "stories.gguf", GgufRecipe.F32);
    export(folder.resolve("stories.gguf"), "again.gguf", GgufRecipe.F32);
    try (GgufCheckpoint first = GgufCheckpoint.open(folder.resolve("stories.gguf"));
        GgufCheckpoint again = GgufCheckpoint.open(folder.resolve("again.gguf"))) {
      assertThat(first.metadata().requiredText("tokenizer.ggml.model")).isEqualTo("llama");
      assertThat(first.metadata().texts("tokenizer.ggml.tokens")).hasSize(512);
      assertThat(again.metadata().texts("tokenizer.ggml.tokens"))
          .isEqualTo(first.metadata().texts("tokenizer.ggml.tokens"));
      assertThat(first.companions().stream().map(file -> file.name()))
          .contains("tokenizer.json", "tokenizer_config.json");
      assertThat(first.config().bosTokenId()).isEqualTo(1);
      assertThat(first.config().eosTokenIds()).isEqualTo(List.of(2));
    }
    assertThat(Arrays.equals(logits(folder.resolve("stories.gguf")), logits(stories))).isTrue();
  }
}
