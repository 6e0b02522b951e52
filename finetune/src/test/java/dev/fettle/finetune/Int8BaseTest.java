package dev.fettle.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.UserException;
import dev.fettle.text.DatasetOptions;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// LoRA on a base in LLM.int8.
class Int8BaseTest {
  /// The rounding of weights and activations to 8 bits, in nats, before the runs part. Measured:
  /// 0.002 over four steps.
  private static final double INT8_LOSS = 0.01;

  private static final int STEPS = 30;

  @TempDir Path folder;
  private Path model = Path.of("");
  private Path data = Path.of("");

  @BeforeEach
  void writeModel() throws IOException {
    model = TinyModel.write(folder.resolve("model"), 32);
    data = TinyModel.text(folder.resolve("data.txt"), 300);
  }

  @Test
  void learnsAsOnTheFloatBase() {
    RunRecord floats = run("float", null, false);
    RunRecord integers = run("int8", new Scheme.LlmInt8(), false);
    for (int step = 0; step < 4; step++) {
      assertThat(integers.losses().get(step))
          .isCloseTo(floats.losses().get(step), within(INT8_LOSS));
    }
    assertThat(integers.losses()).isNotEqualTo(floats.losses());
    assertThat(mean(integers, STEPS - 5)).isLessThan(mean(integers, 0) - 0.1);
  }

  /// Of five steps.
  private static double mean(RunRecord record, int from) {
    return record.losses().subList(from, from + 5).stream()
        .mapToDouble(loss -> loss)
        .average()
        .orElseThrow();
  }

  @Test
  void theBaseBelongsToTheRun() {
    run("run", new Scheme.LlmInt8(), false);
    assertThatThrownBy(() -> run("run", null, true))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("base_scheme = \"llm.int8\", now it is null");
  }

  @Test
  void onlyLoraHasABaseToChoose() {
    FinetuneRequest.Builder builder =
        FinetuneRequest.builder(model, data, folder).baseScheme(new Scheme.LlmInt8());
    assertThatThrownBy(() -> builder.method(TrainingMethod.FULL).build())
        .isInstanceOf(UserException.class)
        .hasMessage(
            "A base in llm.int8 belongs to --method lora, not to full; leave one of them out.");
  }

  private RunRecord run(String output, @Nullable Scheme base, boolean resume) {
    return Finetune.run(
        FinetuneRequest.builder(model, data, folder.resolve(output))
            .dataset(DatasetOptions.of(16))
            .baseScheme(base)
            .options(
                TrainingOptions.builder().maxSteps(STEPS).batchSize(2).learningRate(0.01).build())
            .resume(resume)
            .build(),
        TrainingListener.NONE);
  }
}
