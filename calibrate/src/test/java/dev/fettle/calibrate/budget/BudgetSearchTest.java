package dev.fettle.calibrate.budget;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.calibrate.CalibrationText;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.quantize.CheckpointQuantizer;
import dev.fettle.quantize.QuantizeOptions;
import dev.fettle.quantize.QuantizeReport;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.TensorReport;
import dev.fettle.quantize.WeightQuantizer;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// On the trained model in the demo's resources.
class BudgetSearchTest {
  private static final Path MODEL =
      Path.of(
          Objects.requireNonNull(System.getProperty("fettle.root")),
          "demo/src/main/resources/dev/fettle/demo/model");

  /// The folder's weights are the very ones that were measured; only the order of sums differs.
  private static final double SAME = 1e-6;

  @TempDir Path folder;

  @Test
  void keepsTheBudgetAndIsNoWorseThanOneSchemeOfThatSize() throws IOException {
    BudgetSearch.Options options =
        options(4.8, "int3:asym:group=128", "int4:asym:group=128", "int8:sym:channel");
    BudgetPlan plan = BudgetSearch.run(MODEL, data(), options, (done, total, path) -> {});
    assertThat(plan.bitsPerWeight()).isLessThanOrEqualTo(4.8).isGreaterThan(4.3);
    assertThat(plan.schemes()).hasSize(28);
    assertThat(plan.uniform()).hasSize(3);
    List<BudgetPlan.Uniform> fitting =
        plan.uniform().stream().filter(BudgetPlan.Uniform::fits).toList();
    assertThat(fitting).hasSize(2); // 3 and 4 bits
    fitting.forEach(uniform -> assertThat(plan.measured()).isLessThanOrEqualTo(uniform.measured()));
    assertThat(plan.fromUniform()).isFalse();

    Path output = folder.resolve("mixed");
    QuantizeReport report =
        CheckpointQuantizer.quantize(
            MODEL,
            output,
            QuantizeOptions.of(Scheme.parse("int4:asym:group=128"))
                .withModuleSchemes(plan.schemes()),
            tensor -> {});
    assertThat(report.tensors().stream().mapToLong(TensorReport::outputBytes).sum())
        .isEqualTo(plan.bytes());
    assertThat(divergence(output, options)).isCloseTo(plan.measured(), within(SAME));
  }

  @Test
  void sensitivitiesFallWithTheBits() throws IOException {
    BudgetSearch.Options options =
        options(16, "int2:asym:group=64", "int5:asym:group=64", "bfloat16");
    BudgetPlan plan = BudgetSearch.run(MODEL, data(), options, (done, total, path) -> {});
    for (BudgetPlan.Layer layer : plan.layers()) {
      List<Option> all = layer.options().options();
      assertThat(all.get(0).divergence()).isGreaterThan(all.get(1).divergence());
      assertThat(all.get(2).divergence()).isZero(); // the model is stored in bfloat16
      assertThat(layer.option().scheme()).isEqualTo(new Scheme.Cast(DType.BF16));
    }
    assertThat(plan.measured()).isZero();
  }

  @Test
  void aBudgetBelowTheSmallestCandidateIsRefused() throws IOException {
    Path data = data();
    assertThatThrownBy(() ->
            BudgetSearch.run(
                MODEL, data, options(4, "int4:asym:group=128"), (done, total, path) -> {}))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("budget of 4.0 bits per weight is too small");
    assertThatThrownBy(() -> Candidates.parse(List.of("int4:asym:group=128", "nf4:group=64")))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("nf4:group=64");
    assertThatThrownBy(() ->
            BudgetSearch.run(
                MODEL, data, options(9, "int4:asym:group=96"), (done, total, path) -> {}))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("q_proj");
  }

  private static double divergence(Path quantized, BudgetSearch.Options options)
      throws IOException {
    LoadOptions load = LoadOptions.defaults().withComputeDtype(DType.F32);
    CalibrationText text =
        CalibrationText.load(
            MODEL,
            Objects.requireNonNull(quantized.getParent()).resolve("data.txt"),
            options.limits());
    double sum = 0;
    try (CausalLm reference = CausalLm.load(MODEL, load);
        CausalLm model = CausalLm.load(quantized, load)) {
      for (int[][] ids : text.batches(1)) {
        try (Scope scope = Scope.open()) {
          Tensor p = reference.logits(ids).logSoftmax();
          Tensor q = model.logits(ids).logSoftmax();
          sum += p.exp().mul(p.sub(q)).to(DType.F64).sum().item();
        }
      }
    }
    return sum / text.tokens();
  }

  private static BudgetSearch.Options options(double bits, String... candidates) {
    return new BudgetSearch.Options(
        bits,
        Candidates.parse(List.of(candidates)),
        List.of(),
        new CalibrationText.Limits(48, 0, 96),
        2,
        DType.F32,
        WeightQuantizer.roundToNearest());
  }

  private Path data() throws IOException {
    return Files.writeString(
        folder.resolve("data.txt"),
        "What is 12 plus 30? 42. The sun is yellow and the sea is blue. Tom has three apples and "
            .repeat(20));
  }
}
