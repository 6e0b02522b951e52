package dev.fettle.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.data.Offset.offset;

import dev.fettle.checkpoint.Json;
import dev.fettle.finetune.TrainingListener.ValidationLoss;
import dev.fettle.lora.AdapterFolder;
import dev.fettle.lora.LoraAdapter;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.tensor.UserException;
import dev.fettle.text.Dataset;
import dev.fettle.text.DatasetOptions;
import dev.fettle.text.Split;
import dev.fettle.text.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.ObjectNode;

/// Validation, and what a run leaves in its folder.
class OutputFolderTest {
  @TempDir Path folder;
  private Path model;
  private Path data;
  private Path output;

  @BeforeEach
  void writeModel() throws IOException {
    model = TinyModel.write(folder.resolve("model"));
    data = TinyModel.text(folder.resolve("data.txt"), 200);
    output = folder.resolve("output");
  }

  @Test
  void anAdapterRun() throws IOException {
    List<Integer> saved = new ArrayList<>();
    RunRecord record =
        Finetune.run(
            request().options(options().build()).build(),
            new TrainingListener() {
              @Override
              public void saved(int step, Path checkpoint) {
                assertThat(checkpoint).isEqualTo(output.resolve("checkpoint-" + step));
                assertThat(names(checkpoint))
                    .contains("adapter_model.safetensors", "trainer_state.json");
                saved.add(step);
              }
            });
    assertThat(saved).containsExactly(4, 8, 10);
    assertThat(record.validationLosses())
        .extracting(ValidationLoss::step)
        .containsExactly(3, 6, 9, 10);
    assertThat(names(output))
        .containsExactlyInAnyOrder(
            "README.md",
            "adapter_config.json",
            "adapter_model.safetensors",
            "best",
            "checkpoint-10",
            "run.json");
    ObjectNode json = Json.read(output.resolve("run.json"));
    assertThat(json.path("steps").asInt()).isEqualTo(10);
    assertThat(json.path("history").path("losses")).hasSize(10);
    assertThat(json.path("settings").path("data_sha256").asString()).hasSize(64);
  }

  /// `best` is the adapter of the step it says: loaded again, it has that validation loss.
  @Test
  void bestIsTheBest() throws IOException {
    // Learning to say one word over and over makes every other text less likely with each step.
    String word = Files.readString(data).split(" ")[0];
    Path held = TinyModel.text(folder.resolve("held.txt"), 64);
    Files.writeString(data, (word + " ").repeat(200));
    RunRecord record =
        Finetune.run(
            request()
                .validationSplit(0)
                .validationData(held)
                .options(options().maxSteps(30).learningRate(0.05).build())
                .build(),
            TrainingListener.NONE);
    ValidationLoss best =
        record.validationLosses().stream()
            .min((a, b) -> Double.compare(a.loss(), b.loss()))
            .orElseThrow();
    assertThat(record.bestStep()).isEqualTo(best.step()).isLessThan(30);
    assertThat(validationLoss(output.resolve("best"))).isCloseTo(best.loss(), offset(1e-6));
    assertThat(validationLoss(output))
        .isCloseTo(record.validationLosses().getLast().loss(), offset(1e-6))
        .isGreaterThan(best.loss());
  }

  @Test
  void aFullRunLeavesAModel() throws IOException {
    RunRecord record =
        Finetune.run(
            request().method(TrainingMethod.FULL).options(options().build()).build(),
            TrainingListener.NONE);
    assertThat(names(output))
        .containsExactlyInAnyOrder(
            "best",
            "checkpoint-10",
            "config.json",
            "model.safetensors",
            "run.json",
            "tokenizer.json",
            "tokenizer_config.json");
    assertThat(validationLoss(output, null))
        .isCloseTo(record.validationLosses().getLast().loss(), offset(1e-6));
    assertThat(record.losses().getLast()).isLessThan(record.losses().getFirst());
    assertThat(validationLoss(output.resolve("best"), null)).isPositive();
  }

  @Test
  void aValidationFile() throws IOException {
    Path held = TinyModel.text(folder.resolve("held.txt"), 64);
    List<TrainingListener.RunSummary> started = new ArrayList<>();
    RunRecord record =
        Finetune.run(
            request()
                .validationSplit(0)
                .validationData(held)
                .options(options().evalSteps(0).build())
                .build(),
            new TrainingListener() {
              @Override
              public void started(RunSummary summary) {
                started.add(summary);
              }
            });
    assertThat(started).hasSize(1);
    assertThat(started.getFirst().trainSamples()).isEqualTo(13);
    assertThat(started.getFirst().validationSamples()).isEqualTo(4);
    assertThat(record.validationLosses()).extracting(ValidationLoss::step).containsExactly(10);
  }

  @Test
  void withoutValidationThereIsNoBest() {
    RunRecord record =
        Finetune.run(
            request().validationSplit(0).options(options().build()).build(), TrainingListener.NONE);
    assertThat(record.bestStep()).isNull();
    assertThat(record.validationLosses()).isEmpty();
    assertThat(output.resolve("best")).doesNotExist();
  }

  @Test
  void aFolderInUseIsRefused() throws IOException {
    Files.createDirectories(output);
    Files.writeString(output.resolve("mine.txt"), "mine");
    refused(request(), "is not empty; add --resume to go on with its run, or name another");
    refused(request().resume(true), "Nothing to resume");
    assertThat(names(output)).containsExactly("mine.txt");
    Files.delete(output.resolve("mine.txt"));
    Files.createDirectories(output.resolve(".checkpoint-1.partial-77-0123abcd"));
    Finetune.run(request().options(options().build()).build(), TrainingListener.NONE);
    assertThat(names(output)).contains("run.json");
  }

  @Test
  void settingsThatCannotWorkAreRefused() {
    refused(
        request().dataset(DatasetOptions.of(65)),
        "--seq-length 65 is longer than the 64 positions of " + model);
    refused(request().validationSplit(0.999), "Cannot hold out");
    FinetuneRequest.Builder missing =
        FinetuneRequest.builder(model, folder.resolve("none.txt"), output);
    refused(missing, "none.txt does not exist");
    assertThat(output).doesNotExist();
  }

  @Test
  void aRunThatDivergesEndsWithOneSentence() {
    TrainingOptions wild =
        options().learningRate(1e30).maxGradNorm(0).saveSteps(1).evalSteps(0).build();
    assertThatThrownBy(() ->
            Finetune.run(
                request().method(TrainingMethod.FULL).options(wild).build(), TrainingListener.NONE))
        .isInstanceOf(UserException.class)
        .hasMessageMatching(
            "Training diverged at step [23]: the loss is \\S+ and the gradient norm \\S+; lower --learning-rate, add --warmup-steps, or resume .*\\.");
  }

  private void refused(FinetuneRequest.Builder request, String why) {
    assertThatThrownBy(() -> Finetune.run(request.build(), TrainingListener.NONE))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(why);
  }

  private FinetuneRequest.Builder request() {
    return FinetuneRequest.builder(model, data, output)
        .dataset(DatasetOptions.of(16))
        .validationSplit(0.25)
        .options(options().build());
  }

  private static TrainingOptions.Builder options() {
    return TrainingOptions.builder()
        .maxSteps(10)
        .batchSize(4)
        .learningRate(0.01)
        .evalSteps(3)
        .saveSteps(4);
  }

  private double validationLoss(Path adapter) {
    return validationLoss(model, adapter);
  }

  private double validationLoss(Path base, @Nullable Path adapter) {
    try (Tokenizer tokenizer = Tokenizer.load(model);
        CausalLm loaded = CausalLm.load(base, LoadOptions.defaults())) {
      Dataset held = heldOut(tokenizer);
      if (adapter == null) {
        return Trainer.meanLoss(loaded, held, 0);
      }
      try (AdapterFolder stored = AdapterFolder.open(adapter);
          LoraAdapter attached = LoraAdapter.attach(loaded, stored)) {
        assertThat(attached.targets()).hasSize(14);
        return Trainer.meanLoss(loaded, held, 0);
      }
    }
  }

  /// The validation file of a test that has one, else the split of its data.
  private Dataset heldOut(Tokenizer tokenizer) {
    DatasetOptions blocks = DatasetOptions.of(16);
    Path file = folder.resolve("held.txt");
    return Files.exists(file)
        ? Dataset.load(file, tokenizer, null, blocks)
        : Split.trainValidation(
                Dataset.load(data, tokenizer, null, blocks), 0.25, options().build().seed())
            .validation();
  }

  private static List<String> names(Path folder) {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.map(p -> p.getFileName().toString()).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
