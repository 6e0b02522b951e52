package dev.fettle.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;

import dev.fettle.checkpoint.Json;
import dev.fettle.lora.AdapterFolder;
import dev.fettle.lora.LoraAdapter;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.tensor.DType;
import dev.fettle.text.Dataset;
import dev.fettle.text.DatasetOptions;
import dev.fettle.text.Sample;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/// Twenty steps of LoRA training from PEFT's start, loss by loss and norm by norm as PEFT, PyTorch
/// and bitsandbytes take them.
class LossesTest {
  /// Nats; PyTorch in float32 is within 2e-6 of float64 over these steps.
  private static final double LOSS = 1e-4;

  /// Of a gradient's norm, relative: the loss's difference reaches it through 20 updates.
  private static final double NORM = 1e-3;

  private final JsonNode golden = Json.read(Golden.path("losses.json"));

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"float", "float-accumulated", "nf4", "nf4-accumulated"})
  void fromFilesToFiles(String run) throws IOException {
    JsonNode expected = golden.path("runs").path(run);
    FinetuneRequest request =
        FinetuneRequest.builder(base(expected), beginning(), folder.resolve("adapter"))
            .dataset(DatasetOptions.of(golden.path("sequence_length").asInt()))
            .initialAdapter(Golden.path("lora-start"))
            .computeDtype(DType.F32)
            .options(options(expected))
            .build();
    RunRecord record = Finetune.run(request, TrainingListener.NONE);
    compare(record.losses(), record.gradNorms(), expected);
    assertThat(record.trainedParameters()).isEqualTo(46240);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "float-masked",
        "float-masked-accumulated",
        "nf4-masked",
        "nf4-masked-accumulated"
      })
  void maskedLabels(String run) throws IOException {
    JsonNode expected = golden.path("runs").path(run);
    TrainingOptions options = options(expected);
    History history = new History();
    try (CausalLm model =
            CausalLm.load(base(expected), LoadOptions.defaults().withComputeDtype(DType.F32));
        AdapterFolder start = AdapterFolder.open(Golden.path("lora-start"));
        LoraAdapter adapter = LoraAdapter.attach(model, start);
        FlatParameters parameters = new FlatParameters(adapter.parameters(), DType.F32);
        Optimizer optimizer = Optimizer.create(parameters, options)) {
      Trainer trainer =
          new Trainer(
              model,
              parameters,
              optimizer,
              options,
              new Trainer.TrainingData(masked(), null, 0),
              false,
              history,
              new NoCheckpoints(),
              Phases.none(),
              TrainingListener.NONE);
      assertThat(trainer.run()).isFalse();
    }
    compare(history.losses(), history.gradNorms(), expected);
  }

  /// Enough of the text for 20 batches; tokenizing all of it takes half a minute.
  private Path beginning() throws IOException {
    String text = Files.readString(Golden.tinyShakespeare());
    return Files.writeString(folder.resolve("text.txt"), text.substring(0, 40_000));
  }

  private static void compare(List<Double> losses, List<Double> norms, JsonNode expected) {
    assertThat(losses).hasSize(20);
    for (int step = 0; step < losses.size(); step++) {
      assertThat(losses.get(step))
          .as("loss of step %d", step + 1)
          .isCloseTo(expected.path("losses").path(step).asDouble(), offset(LOSS));
      double norm = expected.path("gradient_norms").path(step).asDouble();
      assertThat(norms.get(step))
          .as("gradient norm of step %d", step + 1)
          .isCloseTo(norm, offset(NORM * norm));
    }
  }

  private TrainingOptions options(JsonNode run) {
    return TrainingOptions.builder()
        .maxSteps(golden.path("steps").asInt())
        .batchSize(run.path("micro_batch").asInt())
        .gradientAccumulationSteps(run.path("accumulation_steps").asInt())
        .learningRate(golden.path("learning_rate").asDouble())
        .maxGradNorm(golden.path("max_grad_norm").asDouble())
        .shuffle(false)
        .saveSteps(0)
        .build();
  }

  /// The NF4 golden has no tokenizer: it gets that of the model it was made from.
  private Path base(JsonNode run) throws IOException {
    Path plain = Golden.stories260K();
    if (run.path("base").asString().equals("float")) {
      return plain;
    }
    Path copy = Files.createDirectory(folder.resolve("base-nf4"));
    for (String name : List.of("config.json", "model.safetensors")) {
      Files.copy(Golden.path("base-nf4").resolve(name), copy.resolve(name));
    }
    for (String name : List.of("tokenizer.json", "tokenizer_config.json")) {
      Files.copy(plain.resolve(name), copy.resolve(name));
    }
    return copy;
  }

  /// The golden's batches, the first labels of each row masked.
  private Dataset masked() {
    int[] all = golden.path("ids").valueStream().mapToInt(JsonNode::asInt).toArray();
    int length = golden.path("sequence_length").asInt();
    List<Sample> samples = new ArrayList<>();
    for (int start = 0; start < all.length; start += length) {
      int[] ids = Arrays.copyOfRange(all, start, start + length);
      int row = samples.size() % golden.path("batch").asInt();
      int[] labels = ids.clone();
      Arrays.fill(labels, 0, golden.path("masked_labels").path(row).asInt(), Sample.IGNORE);
      samples.add(new Sample(ids, labels));
    }
    return Dataset.of(samples);
  }

  static final class NoCheckpoints implements Trainer.Checkpointing {
    @Override
    public void saveCheckpoint() {}

    @Override
    public void saveBest() {}
  }
}
