package dev.fettle.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.lora.LoraConfig;
import dev.fettle.lora.TargetModules;
import dev.fettle.quantize.ActivationQuantization;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import dev.fettle.text.DatasetOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// A run that was interrupted and resumed gives the bytes of one that was not.
class ResumeTest {
  private static final int STEPS = 12;

  @TempDir Path folder;
  private Path model;
  private Path data;

  @BeforeEach
  void writeModel() throws IOException {
    model = TinyModel.write(folder.resolve("model"));
    data = TinyModel.text(folder.resolve("data.txt"), 400);
  }

  @ParameterizedTest
  @EnumSource(TrainingMethod.class)
  void stoppedOnRequestAndResumed(TrainingMethod method) throws IOException {
    RunRecord whole = run("whole", method, false, Integer.MAX_VALUE);
    RunRecord first = run("parts", method, false, 5);
    assertThat(first.interrupted()).isTrue();
    assertThat(first.steps()).isEqualTo(5);
    assertThat(folder.resolve("parts/run.json")).doesNotExist();
    assertThat(run("parts", method, true, 8).interrupted()).isTrue();
    RunRecord last = run("parts", method, true, Integer.MAX_VALUE);
    assertSame(whole, last);
  }

  /// In bfloat16 the model computes with copies of the restored masters.
  @Test
  void inBfloat16() throws IOException {
    FinetuneRequest.Builder whole = builder("whole", TrainingMethod.FULL, false);
    RunRecord expected =
        Finetune.run(whole.computeDtype(DType.BF16).build(), TrainingListener.NONE);
    FinetuneRequest.Builder parts = builder("parts", TrainingMethod.FULL, false);
    Finetune.run(parts.computeDtype(DType.BF16).build(), new StopAfter(5));
    assertSame(expected, Finetune.run(parts.resume(true).build(), TrainingListener.NONE));
  }

  /// As if the process had been killed after step 7: the last checkpoint is that of step 6.
  @ParameterizedTest
  @EnumSource(TrainingMethod.class)
  void killedAndResumed(TrainingMethod method) throws IOException {
    RunRecord whole = run("whole", method, false, Integer.MAX_VALUE);
    FinetuneRequest request = request("parts", method, false);
    assertThatThrownBy(() ->
            Finetune.run(
                request,
                new StopAfter(7) {
                  @Override
                  public boolean stopRequested() {
                    if (super.stopRequested()) {
                      throw new IllegalStateException("killed");
                    }
                    return false;
                  }
                }))
        .hasMessage("killed");
    assertThat(TrainingState.checkpoints(request.output()))
        .containsExactly(request.output().resolve("checkpoint-6"));
    assertSame(whole, run("parts", method, true, Integer.MAX_VALUE));
  }

  /// What a process killed in the middle of writing or removing leaves is no checkpoint, and goes.
  @Test
  void leftoversOfAKilledProcessAreRemoved() throws IOException {
    RunRecord whole = run("whole", TrainingMethod.LORA, false, Integer.MAX_VALUE);
    run("parts", TrainingMethod.LORA, false, 5);
    Path parts = folder.resolve("parts");
    for (String name :
        List.of(
            ".checkpoint-9.partial-77-0123abcd",
            ".checkpoint-3.partial-removed",
            ".best.partial-77-89abcdef",
            "..adapter.partial-77-89abcdef")) {
      Files.createDirectories(parts.resolve(name));
      Files.writeString(parts.resolve(name).resolve("trainer_state.json"), "{ half");
    }
    // killed between the two renames that replace best
    Files.move(parts.resolve("best"), parts.resolve(".best.old-77-89abcdef"));
    Files.createDirectories(parts.resolve("checkpoint-7")); // without its state: not a checkpoint
    OutputFolder.prepare(parts, true);
    assertThat(parts.resolve("best/adapter_model.safetensors")).exists();
    assertSame(whole, run("parts", TrainingMethod.LORA, true, Integer.MAX_VALUE));
    try (Stream<Path> entries = Files.list(parts)) {
      assertThat(entries.map(p -> p.getFileName().toString()))
          .noneMatch(name -> name.startsWith("."));
    }
  }

  @Test
  void aFinishedRunResumesToItself() throws IOException {
    RunRecord whole = run("whole", TrainingMethod.LORA, false, Integer.MAX_VALUE);
    byte[] before = Files.readAllBytes(folder.resolve("whole/adapter_model.safetensors"));
    RunRecord again = run("whole", TrainingMethod.LORA, true, Integer.MAX_VALUE);
    assertThat(again.losses()).isEqualTo(whole.losses());
    assertThat(folder.resolve("whole/adapter_model.safetensors")).hasBinaryContent(before);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "learning_rate | learning_rate = 0.01, now it is 0.02",
        "seed | seed = 3, now it is 4",
        "batch_size | batch_size = 2, now it is 3",
        "lora_r | lora_r = 4, now it is 5",
        "steps | total_steps_rule = \"12 steps, 3.0 epochs\", now it is \"13 steps, 3.0 epochs\"",
        "seq_length | seq_length = 16, now it is 17",
        "data | data_sha256",
        "method | method = \"lora\", now it is \"qlora\"",
      })
  void otherSettingsAreRefused(String change, String why) throws IOException {
    run("parts", TrainingMethod.LORA, false, 5);
    FinetuneRequest same = request("parts", TrainingMethod.LORA, true);
    TrainingOptions.Builder options = options();
    FinetuneRequest other =
        switch (change) {
          case "learning_rate" -> with(same, options.learningRate(0.02));
          case "seed" -> with(same, options.seed(4));
          case "batch_size" -> with(same, options.batchSize(3));
          case "steps" -> with(same, options.maxSteps(13));
          case "lora_r" -> builder("parts", same.method(), true).lora(lora(5)).build();
          case "seq_length" ->
              builder("parts", same.method(), true).dataset(DatasetOptions.of(17)).build();
          case "data" -> {
            Files.writeString(data, Files.readString(data) + " w3");
            yield same;
          }
          case "method" -> request("parts", TrainingMethod.QLORA, true);
          default -> throw new IllegalArgumentException(change);
        };
    assertThatThrownBy(() -> Finetune.run(other, TrainingListener.NONE))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(
            "Cannot resume from %s".formatted(folder.resolve("parts/checkpoint-5")))
        .hasMessageContaining(why)
        .hasMessageContaining("use the same settings or another --output");
    assertThat(TrainingState.checkpoints(same.output())).hasSize(1);
  }

  private FinetuneRequest with(FinetuneRequest same, TrainingOptions.Builder options) {
    return builder("parts", same.method(), true).options(options.build()).build();
  }

  private void assertSame(RunRecord whole, RunRecord resumed) throws IOException {
    assertThat(resumed.interrupted()).isFalse();
    assertThat(resumed.losses()).hasSize(STEPS).isEqualTo(whole.losses());
    assertThat(resumed.gradNorms()).isEqualTo(whole.gradNorms());
    assertThat(resumed.validationLosses()).hasSize(3).isEqualTo(whole.validationLosses());
    assertThat(resumed.bestStep()).isEqualTo(whole.bestStep());
    for (String name : List.of("", "best")) {
      Path expected = tensors(whole.output().resolve(name));
      Path found = tensors(resumed.output().resolve(name));
      assertThat(found).as(name).hasSameBinaryContentAs(expected);
    }
  }

  private static Path tensors(Path result) {
    Path adapter = result.resolve("adapter_model.safetensors");
    return Files.exists(adapter) ? adapter : result.resolve("model.safetensors");
  }

  private RunRecord run(String output, TrainingMethod method, boolean resume, int stopAfter) {
    return Finetune.run(request(output, method, resume), new StopAfter(stopAfter));
  }

  private FinetuneRequest request(String output, TrainingMethod method, boolean resume) {
    return builder(output, method, resume).build();
  }

  /// With everything that could make a difference: dropout, accumulation, shuffling over several
  /// epochs, warm-up and a schedule that depends on the step.
  private FinetuneRequest.Builder builder(String output, TrainingMethod method, boolean resume) {
    return FinetuneRequest.builder(model, data, folder.resolve(output))
        .method(method)
        .dataset(DatasetOptions.of(16))
        .validationSplit(0.2)
        .lora(method == TrainingMethod.QAT_LORA ? withoutDropout() : lora(4))
        .qat(method.quantizationAware() ? qat() : null)
        .options(options().build())
        .resume(resume);
  }

  /// With everything that has a state: observed inputs, a late start and frozen ranges.
  private static QatOptions qat() {
    return new QatOptions(
        Scheme.parse("int8:sym:channel"),
        ActivationQuantization.parse("uint8:asym:tensor"),
        false,
        2,
        7,
        List.of("k_proj"));
  }

  private static LoraConfig withoutDropout() {
    return LoraConfig.of(4, 8, new TargetModules.AllLinear());
  }

  private static LoraConfig lora(int r) {
    return LoraConfig.builder(r, 8, new TargetModules.AllLinear()).loraDropout(0.1).build();
  }

  private static TrainingOptions.Builder options() {
    return TrainingOptions.builder()
        .maxSteps(STEPS)
        .batchSize(2)
        .gradientAccumulationSteps(2)
        .learningRate(0.01)
        .lrScheduler(LearningRateSchedule.Shape.COSINE)
        .warmupSteps(3)
        .weightDecay(0.1)
        .seed(3)
        .evalSteps(4)
        .saveSteps(3);
  }

  /// Asks to stop after a step.
  static class StopAfter implements TrainingListener {
    private final int last;
    private int step;

    StopAfter(int last) {
      this.last = last;
    }

    @Override
    public void step(StepReport report) {
      step = report.step();
    }

    @Override
    public boolean stopRequested() {
      return step >= last;
    }
  }
}
