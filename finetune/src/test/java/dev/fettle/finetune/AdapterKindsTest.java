package dev.fettle.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.offset;

import dev.fettle.finetune.TrainingListener.StepReport;
import dev.fettle.lora.LoraConfig;
import dev.fettle.lora.Merge;
import dev.fettle.lora.TargetModules;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.UserException;
import dev.fettle.text.Dataset;
import dev.fettle.text.DatasetOptions;
import dev.fettle.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Runs that train more than pairs of matrices: what they leave, and that they can be resumed.
class AdapterKindsTest {
  private static final int STEPS = 6;

  /// The merged model's loss against the adapter's, in float32.
  private static final double LOSS = 1e-5;

  @TempDir Path folder;
  private Path model;
  private Path data;

  @BeforeEach
  void writeModel() throws IOException {
    model = TinyModel.write(folder.resolve("model"), 64);
    data = TinyModel.text(folder.resolve("data.txt"), 300);
  }

  /// The result loads, lowers the loss as the run said, merges to the same, and does not depend on
  /// an interruption or on recomputation.
  @ParameterizedTest
  @CsvSource({"LORA, dora", "QLORA, dora", "LORA, tokens", "QLORA, whole", "LORA, ends"})
  void trainsSavesMergesAndResumes(TrainingMethod method, String kind) {
    LoraConfig config = config(kind);
    RunRecord whole = run("whole", method, config, null, Integer.MAX_VALUE);
    assertThat(whole.losses().getLast()).isLessThan(whole.losses().getFirst());
    assertThat(run("parts", method, config, true, 3).interrupted()).isTrue();
    RunRecord resumed = run("parts", method, config, true, Integer.MAX_VALUE);
    assertThat(resumed.losses()).isEqualTo(whole.losses());
    assertThat(tensors("parts")).hasSameBinaryContentAs(tensors("whole"));

    Path merged = folder.resolve("merged");
    Merge.run(model, folder.resolve("whole"), merged, null, false, (i, n, name) -> {});
    if (method == TrainingMethod.LORA) {
      double expected = whole.validationLosses().getLast().loss();
      assertThat(loss(merged)).isCloseTo(expected, offset(LOSS));
    }
  }

  private double loss(Path folder) {
    try (Tokenizer tokenizer = Tokenizer.load(model);
        CausalLm loaded = CausalLm.load(folder, LoadOptions.defaults())) {
      Dataset held = Dataset.load(data, tokenizer, null, DatasetOptions.of(16));
      return Trainer.meanLoss(loaded, held, 0);
    }
  }

  private static LoraConfig config(String kind) {
    LoraConfig.Builder builder =
        LoraConfig.builder(4, 8, new TargetModules.AllLinear()).loraDropout(0.1);
    return switch (kind) {
      case "dora" -> builder.useDora(true).useRslora(true).build();
      case "tokens" ->
          builder
              .trainableTokenIndices(Map.of("embed_tokens", List.of(1, 2, 3)))
              .modulesToSave(List.of("model.norm"))
              .build();
      case "whole" ->
          builder
              .useDora(true)
              .modulesToSave(List.of("embed_tokens", "norm"))
              .ensureWeightTying(true)
              .build();
      case "ends" ->
          LoraConfig.builder(
                  4, 8, new TargetModules.Names(List.of("embed_tokens", "v_proj", "lm_head")))
              .loraDropout(0.1)
              .useDora(true)
              .build();
      default -> throw new IllegalArgumentException(kind);
    };
  }

  @Test
  void roundedTrainingTakesPlainAdaptersOnly() {
    LoraConfig dora = LoraConfig.builder(4, 8, new TargetModules.AllLinear()).useDora(true).build();
    assertThatThrownBy(() ->
            Finetune.run(
                request("qat", TrainingMethod.QAT_LORA, dora, null)
                    .qat(QatOptions.of(Scheme.parse("int8:sym:channel")))
                    .build(),
                TrainingListener.NONE))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("knows no use_dora");
  }

  @Test
  void oneMemoryForTwoParametersIsNotTrained() {
    LoraConfig tied =
        LoraConfig.builder(4, 8, new TargetModules.Names(List.of("embed_tokens")))
            .ensureWeightTying(true)
            .build();
    assertThatThrownBy(() -> run("tied", TrainingMethod.LORA, tied, null, Integer.MAX_VALUE))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("ensure_weight_tying with an adapter on the embedding");
  }

  private Path tensors(String output) {
    return folder.resolve(output).resolve("adapter_model.safetensors");
  }

  /// @param recompute goes on from where an earlier run of the name stopped, recomputing blocks
  private RunRecord run(
      String output,
      TrainingMethod method,
      LoraConfig config,
      @Nullable Boolean recompute,
      int stopAfter) {
    FinetuneRequest.Builder request = request(output, method, config, recompute);
    boolean resume = Files.exists(folder.resolve(output));
    return Finetune.run(
        request.resume(resume).build(),
        new TrainingListener() {
          private int steps;

          @Override
          public void step(StepReport report) {
            steps = report.step();
          }

          @Override
          public boolean stopRequested() {
            return steps >= stopAfter;
          }
        });
  }

  private FinetuneRequest.Builder request(
      String output, TrainingMethod method, LoraConfig config, @Nullable Boolean recompute) {
    return FinetuneRequest.builder(model, data, folder.resolve(output))
        .method(method)
        .dataset(DatasetOptions.of(16))
        .validationData(data)
        .lora(config)
        .options(
            TrainingOptions.builder()
                .maxSteps(STEPS)
                .batchSize(2)
                .learningRate(0.02)
                .gradientCheckpointing(recompute)
                .seed(3)
                .build());
  }
}
