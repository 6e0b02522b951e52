package dev.fettle.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.lora.LoraConfig;
import dev.fettle.lora.TargetModules;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.model.Parameter;
import dev.fettle.quantize.ActivationQuantization;
import dev.fettle.quantize.CheckpointQuantizer;
import dev.fettle.quantize.QuantizeOptions;
import dev.fettle.quantize.QuantizedWeights;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import dev.fettle.text.Dataset;
import dev.fettle.text.DatasetOptions;
import dev.fettle.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QuantizationAwareTest {
  private static final int STEPS = 6;

  @TempDir Path folder;
  private Path model;
  private Path data;
  private Path held;

  @BeforeEach
  void writeModel() throws IOException {
    model = TinyModel.write(folder.resolve("model"), 64);
    data = TinyModel.text(folder.resolve("data.txt"), 400);
    held = TinyModel.text(folder.resolve("held.txt"), 100);
  }

  /// The whole point: what is shipped computes what was trained, to the last bit of the loss.
  @ParameterizedTest
  @CsvSource({
    "QAT, int8:sym:channel, int8:sym:token, F32, F32",
    "QAT, int8:sym:channel, uint8:asym:tensor, BF16, F32",
    "QAT, int8:sym:tensor:restricted, int8:sym:tensor, F32, BF16",
    "QAT, int4:sym:group=32, , F32, F32",
    "QAT, int4:asym:group=32, , BF16, BF16",
    "QAT, uint3:asym:group=32, , BF16, F32",
    "QAT, nf4:group=64:double, , BF16, F32",
    "QAT, mxfp4, , BF16, F32",
    "QAT, nvfp4, , F32, F32",
    "QAT, fp8_e4m3:channel, , F32, BF16",
    "QAT_LORA, int4:sym:group=32, , BF16, F32",
    "QAT_LORA, int8:sym:channel, int8:sym:token, F32, F32",
    "QAT_LORA, nf4:group=64, , F32, BF16",
  })
  void theShippedModelHasExactlyTheLossOfTheTrainedOne(
      TrainingMethod method,
      String scheme,
      @Nullable String activations,
      DType stored,
      DType compute)
      throws IOException {
    Path start = stored == DType.F32 ? model : cast(stored);
    QatOptions qat =
        new QatOptions(
            Scheme.parse(scheme),
            activations == null ? null : ActivationQuantization.parse(activations),
            false,
            0,
            0,
            List.of());
    RunRecord record =
        Finetune.run(
            request(start, "out", method, qat).computeDtype(compute).build(),
            TrainingListener.NONE);
    double trained = record.validationLosses().getLast().loss();
    assertThat(lossOf(record.output(), compute)).isEqualTo(trained);
    try (Checkpoint shipped = Checkpoint.open(record.output())) {
      assertThat(QuantizedWeights.of(shipped).isQuantized("model.layers.0.mlp.up_proj.weight"))
          .isTrue();
    }
  }

  private Path cast(DType dtype) {
    Path cast = folder.resolve("cast");
    CheckpointQuantizer.quantize(
        model, cast, QuantizeOptions.of(new Scheme.Cast(dtype)), tensor -> {});
    return cast;
  }

  private double lossOf(Path shipped, DType compute) {
    try (CausalLm loaded =
            CausalLm.load(shipped, LoadOptions.defaults().withComputeDtype(compute));
        Tokenizer tokenizer = Tokenizer.load(shipped)) {
      Dataset dataset = Dataset.load(held, tokenizer, null, DatasetOptions.of(16));
      return Trainer.meanLoss(loaded, dataset, 0);
    }
  }

  /// Straight through: a weight gets the gradient its rounded value gets.
  @Test
  void gradientsAreThoseOfTheRoundedWeights() {
    Scheme scheme = Scheme.parse("int4:sym:group=32");
    List<float[]> through = gradients(model, scheme);
    Path rounded = folder.resolve("rounded");
    CheckpointQuantizer.quantize(model, rounded, QuantizeOptions.of(scheme), tensor -> {});
    Path dense = folder.resolve("dense");
    Dequantized.write(rounded, dense);
    List<float[]> plain = gradients(dense, null);
    assertThat(through).hasSameSizeAs(plain);
    for (int i = 0; i < plain.size(); i++) {
      assertThat(through.get(i)).as("parameter %d", i).isEqualTo(plain.get(i));
    }
  }

  private List<float[]> gradients(Path start, @Nullable Scheme scheme) {
    try (CausalLm lm = CausalLm.load(start, LoadOptions.defaults().withTrainable(true));
        Checkpoint source = Checkpoint.open(start);
        QuantizationAware rounding =
            scheme == null ? null : new QuantizationAware(lm, source, QatOptions.of(scheme));
        FlatParameters flat = new FlatParameters(lm.baseParameters(), DType.F32)) {
      int[][] ids = {{1, 5, 9, 2, 7, 3, 4, 8}};
      lm.lossAndGradients(ids, ids, new CausalLm.StepOptions(1, false, 0L));
      List<float[]> gradients = new ArrayList<>();
      for (Parameter parameter : lm.baseParameters()) {
        gradients.add(parameter.grad().toFloats());
      }
      return gradients;
    }
  }

  @Test
  void roundingBeginsAtItsStep() throws IOException {
    QatOptions late =
        new QatOptions(Scheme.parse("int3:sym:channel"), null, false, 3, 0, List.of());
    RunRecord qat = run("late", TrainingMethod.QAT, late);
    RunRecord full = run("full", TrainingMethod.FULL, null);
    assertThat(qat.losses().subList(0, 3)).isEqualTo(full.losses().subList(0, 3));
    assertThat(qat.losses().get(3)).isNotEqualTo(full.losses().get(3));
  }

  /// The range of the inputs is observed from the first step on, so that the model can be validated
  /// and written before rounding begins.
  @Test
  void inputsAreObservedBeforeRoundingBegins() {
    QatOptions late =
        new QatOptions(
            Scheme.parse("int8:sym:channel"),
            ActivationQuantization.parse("uint8:asym:tensor"),
            false,
            4,
            0,
            List.of());
    RunRecord record =
        Finetune.run(
            request(model, "late", TrainingMethod.QAT, late)
                .options(
                    TrainingOptions.builder()
                        .maxSteps(STEPS)
                        .batchSize(2)
                        .learningRate(0.01)
                        .evalSteps(1)
                        .build())
                .build(),
            TrainingListener.NONE);
    assertThat(record.validationLosses()).hasSize(STEPS);
    assertThat(lossOf(record.output(), DType.F32))
        .isEqualTo(record.validationLosses().getLast().loss());
  }

  @Test
  void aStartAfterTheLastStepIsRefused() {
    QatOptions never =
        new QatOptions(Scheme.parse("int8:sym:channel"), null, false, STEPS, 0, List.of());
    assertThatThrownBy(() -> run("never", TrainingMethod.QAT, never))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("--qat-start-step 6 leaves none of the 6 steps");
  }

  @Test
  void frozenRangesStayAsTheyAre() throws IOException {
    Scheme scheme = Scheme.parse("int4:sym:group=32");
    QatOptions frozen = new QatOptions(scheme, null, false, 0, 1, List.of());
    run("short", TrainingMethod.QAT, frozen, 2);
    run("long", TrainingMethod.QAT, frozen, 6);
    run("free", TrainingMethod.QAT, QatOptions.of(scheme), 6);
    assertThat(scales("long")).isEqualTo(scales("short"));
    assertThat(scales("free")).isNotEqualTo(scales("short"));
  }

  private float[] scales(String output) {
    try (Checkpoint shipped = Checkpoint.open(folder.resolve(output))) {
      return shipped.tensor("model.layers.1.mlp.up_proj.weight_scale").toFloats();
    }
  }

  /// At 2 bits the largest weight makes a poor range; training finds a better one.
  @Test
  void learnedRangesLowerTheLoss() throws IOException {
    Scheme scheme = Scheme.parse("int2:sym:channel");
    QatOptions learned = new QatOptions(scheme, null, true, 0, 0, List.of());
    RunRecord with = run("learned", TrainingMethod.QAT_LORA, learned, 60);
    RunRecord without = run("observed", TrainingMethod.QAT_LORA, QatOptions.of(scheme), 60);
    assertThat(with.losses().getLast()).isLessThan(without.losses().getLast());
    assertThat(lossOf(with.output(), DType.F32))
        .isEqualTo(with.validationLosses().getLast().loss());
  }

  @Test
  void skippedLayersStayInFloatingPoint() throws IOException {
    QatOptions qat =
        new QatOptions(Scheme.parse("int8:sym:channel"), null, false, 0, 0, List.of("down_proj"));
    run("skipped", TrainingMethod.QAT, qat);
    try (Checkpoint shipped = Checkpoint.open(folder.resolve("skipped"))) {
      QuantizedWeights weights = QuantizedWeights.of(shipped);
      assertThat(weights.isQuantized("model.layers.0.mlp.down_proj.weight")).isFalse();
      assertThat(weights.isQuantized("model.layers.0.mlp.up_proj.weight")).isTrue();
    }
    assertThat(lossOf(folder.resolve("skipped"), DType.F32)).isBetween(0.1, 10.0);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "llm.int8 | false | 0 | 0 | outlier columns",
        "q4_0 | false | 0 | 0 | GGUF",
        "bfloat16 | false | 0 | 0 | does not quantize",
        "int4:asym:group=32 | true | 0 | 0 | signed symmetric integers",
        "nf4:group=64 | false | 0 | 5 | follow the weights",
        "int8:sym:channel | false | 5 | 3 | comes before",
        "int8:sym:channel | false | -1 | 0 | negative",
      })
  void settingsThatDoNotGoTogether(
      String scheme, boolean learned, int start, int freeze, String why) {
    assertThatThrownBy(
            () -> new QatOptions(Scheme.parse(scheme), null, learned, start, freeze, List.of()))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(why);
  }

  @Test
  void methodAndSchemeBelongTogether() {
    assertThatThrownBy(() -> request(model, "x", TrainingMethod.QAT, null).build())
        .isInstanceOf(UserException.class)
        .hasMessageContaining("--method qat needs --scheme");
    QatOptions qat = QatOptions.of(Scheme.parse("int8:sym:channel"));
    assertThatThrownBy(() -> request(model, "x", TrainingMethod.LORA, qat).build())
        .isInstanceOf(UserException.class)
        .hasMessageContaining("not lora");
  }

  /// Groups that do not divide are refused before the first step, and nothing is left.
  @Test
  void aSchemeThatDoesNotFitIsRefusedAtOnce() {
    QatOptions qat = QatOptions.of(Scheme.parse("int4:sym:group=128"));
    assertThatThrownBy(() -> run("none", TrainingMethod.QAT, qat))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("groups of 128 do not divide");
    assertThat(folder.resolve("none/model.safetensors")).doesNotExist();
  }

  /// Activations of 8 bits cost little: the loss stays close to that of the weights alone.
  @Test
  void roundedActivationsStayCloseToExactOnes() throws IOException {
    Scheme scheme = Scheme.parse("int8:sym:channel");
    RunRecord weights = run("weights", TrainingMethod.QAT, QatOptions.of(scheme));
    ActivationQuantization tokens = ActivationQuantization.parse("int8:sym:token");
    QatOptions both = new QatOptions(scheme, tokens, false, 0, 0, List.of());
    RunRecord with = run("both", TrainingMethod.QAT, both);
    assertThat(with.losses().getFirst()).isNotEqualTo(weights.losses().getFirst());
    assertThat(with.losses().getFirst()).isCloseTo(weights.losses().getFirst(), within(0.02));
  }

  private RunRecord run(String output, TrainingMethod method, @Nullable QatOptions qat) {
    return run(output, method, qat, STEPS);
  }

  private RunRecord run(String output, TrainingMethod method, @Nullable QatOptions qat, int steps) {
    return Finetune.run(
        request(model, output, method, qat).options(options(steps)).build(), TrainingListener.NONE);
  }

  private FinetuneRequest.Builder request(
      Path start, String output, TrainingMethod method, @Nullable QatOptions qat) {
    return FinetuneRequest.builder(start, data, folder.resolve(output))
        .method(method)
        .qat(qat)
        .dataset(DatasetOptions.of(16))
        .validationData(held)
        .lora(LoraConfig.of(4, 8, new TargetModules.AllLinear()))
        .options(options(STEPS));
  }

  private static TrainingOptions options(int steps) {
    return TrainingOptions.builder().maxSteps(steps).batchSize(2).learningRate(0.01).build();
  }
}
