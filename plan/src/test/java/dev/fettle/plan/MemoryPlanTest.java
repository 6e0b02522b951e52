package dev.fettle.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.checkpoint.Json;
import dev.fettle.plan.Work.Moments;
import dev.fettle.plan.Work.Training;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.ObjectNode;

class MemoryPlanTest {
  private static final long PLENTY = 1L << 40;

  /// Linear weights of TinyLlama's shape: 22 · (2 · 2048² + 2 · 2048 · 256 + 3 · 2048 · 5632).
  private static final long LINEAR = 968_884_224;

  /// Trained by LoRA of rank 8 on all seven projections.
  private static final long ADAPTER = 6_307_840;

  @TempDir Path folder = Path.of("");

  @Test
  void theBaseOfQloraTakesFourBitsAndItsNestedScales() {
    MemoryPlan plan =
        MemoryPlan.of(Shapes.model(), Shapes.training(Shapes.NF4, Shapes.lora()), PLENTY);
    double bits = 4 + 8.0 / 64 + 32.0 / (64 * 256); // codes, their scales, the scales of those
    assertThat((double) Shapes.bytes(plan, "linear layers"))
        .isCloseTo(
            LINEAR * bits / 8, within(3e5)); // and of each layer a table of 256 and its names
    assertThat(Shapes.bytes(plan, "adapter")).isEqualTo(4 * ADAPTER);
    assertThat(Shapes.bytes(plan, "adapter in bfloat16")).isEqualTo(2 * ADAPTER);
    assertThat(Shapes.bytes(plan, "gradients")).isEqualTo(4 * ADAPTER);
    assertThat(Shapes.bytes(plan, "optimizer")).isEqualTo(8 * ADAPTER);
    assertThat(Shapes.bytes(plan, "embedding")).isEqualTo(2 * 32000L * 2048);
    assertThat(Shapes.bytes(plan, "dequantization scratch")).isEqualTo(2 * 2048L * 5632);
  }

  @Test
  void plainLoraCountsThePagesOfTheMappedFile() {
    MemoryPlan plan = MemoryPlan.of(Shapes.model(), Shapes.training(null, Shapes.lora()), PLENTY);
    assertThat(Shapes.bytes(plan, "linear layers")).isEqualTo(2 * LINEAR);
    assertThat(Shapes.bytes(plan, "dequantization scratch")).isZero();
  }

  @Test
  void fullTrainingTakes18BytesOfEachParameterAndTwelveWithEightBitMoments() {
    long parameters = Shapes.model().architecture().parameterCount();
    Training full = Shapes.training(null, null);
    MemoryPlan wide = MemoryPlan.of(Shapes.model(), full, PLENTY);
    MemoryPlan narrow = MemoryPlan.of(Shapes.model(), full.withMoments(Moments.EIGHT_BIT), PLENTY);
    assertThat(Shapes.bytes(wide, "optimizer")).isEqualTo(8 * parameters);
    assertThat((double) Shapes.bytes(narrow, "optimizer") / parameters)
        .isCloseTo(2 + 2 * 4.0 / 256, Offset.offset(1e-6));
    assertThat(wide.peakBytes()).isGreaterThan(18 * parameters);
  }

  @Test
  void activationsGrowWithTheTokensAndShrinkWithCheckpointing() {
    Training work = Shapes.training(Shapes.NF4, Shapes.lora());
    long keeping = Shapes.bytes(MemoryPlan.of(Shapes.model(), work, PLENTY), "activations");
    long twice =
        Shapes.bytes(MemoryPlan.of(Shapes.model(), work.withBatch(4, 1), PLENTY), "activations");
    MemoryPlan inputs = MemoryPlan.of(Shapes.model(), work.withGradientCheckpointing(true), PLENTY);
    assertThat(twice).isEqualTo(2 * keeping);
    assertThat(inputs.recompute()).isTrue();
    assertThat(Shapes.bytes(inputs, "activations")).isEqualTo((22 + 3) * 512L * 2048 * 2);
  }

  @Test
  void checkpointingIsChosenWhereKeepingDoesNotFit() {
    Training open = Shapes.training(Shapes.NF4, Shapes.lora()).withGradientCheckpointing(null);
    assertThat(MemoryPlan.of(Shapes.model(), open, PLENTY).recompute()).isFalse();
    assertThat(MemoryPlan.of(Shapes.model(), open, 2_000_000_000L).recompute()).isTrue();
  }

  @Test
  void generationCountsTheCacheAndOneBlock() {
    Work.Generation work = new Work.Generation(null, null, null, 100, 924, true);
    MemoryPlan plan = MemoryPlan.of(Shapes.model(), work, PLENTY);
    assertThat(Shapes.bytes(plan, "key/value cache")).isEqualTo(2L * 4 * 64 * 2 * 1024 * 22);
    Work.Generation wide = new Work.Generation(DType.F32, null, null, 100, 924, true);
    assertThat(Shapes.bytes(MemoryPlan.of(Shapes.model(), wide, PLENTY), "linear layers"))
        .isEqualTo(4 * LINEAR);
  }

  @Test
  void theCacheEndsWithTheModelsPositions() {
    Work.Generation work = new Work.Generation(null, null, null, 100, 1_000_000, true);
    MemoryPlan plan = MemoryPlan.of(Shapes.model(), work, PLENTY);
    assertThat(Shapes.bytes(plan, "key/value cache")).isEqualTo(2L * 4 * 64 * 2 * 2048 * 22);
    Work.Generation without = new Work.Generation(null, null, null, 100, 1_000_000, false);
    Work.Generation whole = new Work.Generation(null, null, null, 100, 1948, false);
    assertThat(MemoryPlan.of(Shapes.model(), without, PLENTY).peakBytes())
        .isEqualTo(MemoryPlan.of(Shapes.model(), whole, PLENTY).peakBytes());
    ObjectNode stretched = Shapes.config();
    stretched.putObject("rope_scaling").put("rope_type", "dynamic").put("factor", 4.0);
    ModelSpec model = ModelSpec.ofConfig("dynamic", stretched, "config.json");
    assertThat(Shapes.bytes(MemoryPlan.of(model, work, PLENTY), "key/value cache"))
        .isEqualTo(2L * 4 * 64 * 2 * 4 * 2048 * 22);
  }

  @Test
  void aLayerWithAWindowKeepsTwoOfThemOrItAnd256() {
    Work.Generation work = new Work.Generation(null, null, null, 100, 1948, true);
    long position = 2L * 4 * 64 * 2 * 22;
    ObjectNode wide = Shapes.config().put("model_type", "mistral").put("sliding_window", 512);
    MemoryPlan plan = MemoryPlan.of(ModelSpec.ofConfig("wide", wide, "config.json"), work, PLENTY);
    assertThat(Shapes.bytes(plan, "key/value cache")).isEqualTo(position * 1024);
    ObjectNode narrow = Shapes.config().put("model_type", "mistral").put("sliding_window", 64);
    plan = MemoryPlan.of(ModelSpec.ofConfig("narrow", narrow, "config.json"), work, PLENTY);
    assertThat(Shapes.bytes(plan, "key/value cache")).isEqualTo(position * (64 + 256));
  }

  @Test
  void aFolderWithConfigAloneIsEnough() throws IOException {
    Files.writeString(folder.resolve("config.json"), Json.pretty(Shapes.config()));
    ModelSpec spec = ModelSpec.of(folder);
    assertThat(spec.linearBytes()).isEqualTo(2 * LINEAR);
    assertThat(spec.packed()).isFalse();
    assertThat(ModelSpec.of(folder.resolve("config.json")).linearBytes()).isEqualTo(2 * LINEAR);
  }

  @Test
  void aStatedQuantizationIsCounted() {
    ObjectNode config = Shapes.config();
    config
        .putObject("quantization_config")
        .put("quant_method", "gptq")
        .put("bits", 4)
        .put("group_size", 128);
    ModelSpec spec = ModelSpec.ofConfig("gptq", config, "config.json");
    assertThat(spec.packed()).isTrue();
    assertThat(spec.linearBytes()).isBetween(LINEAR / 2, LINEAR * 5 / 8);
  }

  @Test
  void anUnknownMethodIsRefused() {
    ObjectNode config = Shapes.config();
    config.putObject("quantization_config").put("quant_method", "aqlm");
    assertThatThrownBy(() -> ModelSpec.ofConfig("aqlm", config, "config.json"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("config.json")
        .hasMessageContaining("gptq");
  }

  @Test
  void aMissingModelIsNamed() {
    assertThatThrownBy(() -> ModelSpec.of(folder.resolve("nowhere")))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("nowhere");
  }

  @Test
  void rewritingTakesOneTensor() {
    MemoryPlan plan =
        MemoryPlan.of(
            Shapes.model(), new Work.Rewriting(new Scheme.Nf4(64, false), null, false), PLENTY);
    assertThat(plan.peakBytes()).isLessThan(400_000_000);
  }

  @Test
  void absurdSizesAreRefusedOrCapped() {
    ObjectNode config = Shapes.config().put("hidden_size", 1 << 30).put("head_dim", 64);
    assertThatThrownBy(() -> ModelSpec.ofConfig("huge", config, "config.json"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("config.json");
    Training work =
        Shapes.training(Shapes.NF4, Shapes.lora())
            .withBatch(Integer.MAX_VALUE, 1)
            .withSeqLength(Integer.MAX_VALUE);
    assertThat(MemoryPlan.of(Shapes.model(), work, PLENTY).peakBytes()).isGreaterThan(PLENTY);
  }
}
