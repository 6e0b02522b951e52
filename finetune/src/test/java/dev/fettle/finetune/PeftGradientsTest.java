package dev.fettle.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;

import dev.fettle.checkpoint.SafetensorsFile;
import dev.fettle.checkpoint.TensorSource;
import dev.fettle.engine.Scope;
import dev.fettle.lora.AdapterFolder;
import dev.fettle.lora.LoraAdapter;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.model.Parameter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// The gradient of everything an adapter trains against PyTorch's autograd through PEFT, for every
/// kind of adapter.
class PeftGradientsTest {
  /// Largest difference of a tensor's elements over its largest element, as in {@link
  /// GradientsTest}.
  private static final double RELATIVE = 1e-5;

  /// Sixteen ulps of a float32 near 4.
  private static final double LOSS = 4e-6;

  /// The seed of the masks in the golden files.
  private static final long DROPOUT_SEED = 77;

  private static final Path ADAPTERS = Path.of("../lora/src/test/resources/golden/adapters");
  private static final List<String> UNTIED =
      List.of(
          "dora",
          "dora-rslora",
          "dora-ends",
          "ends",
          "save-norms",
          "save-ends",
          "save-linears",
          "bias-all",
          "bias-lora-only",
          "bias-all-dora",
          "bias-all-save",
          "lora-bias",
          "tokens");
  private static final List<String> TIED =
      List.of(
          "ends-tied",
          "embedding-tied",
          "ends-tied-ensured",
          "save-ends-tied",
          "save-head-tied",
          "save-ends-tied-ensured",
          "tokens-tied",
          "tokens-two",
          "everything");
  private static final List<String> GEMMA =
      List.of("gemma-ends", "gemma-ends-dora", "gemma-tokens", "gemma-save");
  private static final List<String> PHI3 =
      List.of("phi3-all", "phi3-dora", "phi3-save", "phi3-some");
  private static final List<String> ON_NF4 =
      List.of("dora", "dora-ends", "ends", "save-norms", "bias-lora-only", "lora-bias", "tokens");

  static Stream<Arguments> cases() {
    List<Arguments> cases = new ArrayList<>();
    for (boolean recompute : new boolean[] {false, true}) {
      UNTIED.forEach(name -> cases.add(Arguments.of(name, "base-untied", "", recompute)));
      TIED.forEach(name -> cases.add(Arguments.of(name, "base-tied", "", recompute)));
      GEMMA.forEach(name -> cases.add(Arguments.of(name, "base-gemma", "", recompute)));
      cases.add(Arguments.of("gemma-tokens-tied", "base-gemma-tied", "", recompute));
      PHI3.forEach(name -> cases.add(Arguments.of(name, "base-phi3", "", recompute)));
      ON_NF4.forEach(name -> cases.add(Arguments.of(name, "base-nf4", "nf4.", recompute)));
    }
    return cases.stream();
  }

  @ParameterizedTest(name = "{0} on {1}, recomputation {3}")
  @MethodSource("cases")
  void equalAutograd(String name, String base, String prefix, boolean recompute) {
    check(name, base, prefix, recompute, null);
  }

  /// In training mode; PEFT's dropout replaced by one with the masks of Fettle's.
  @ParameterizedTest
  @CsvSource({"dora,false", "dora,true", "bias-lora-only,false", "bias-lora-only,true"})
  void equalAutogradWithDropout(String name, boolean recompute) {
    check(name, "base-untied", "dropout.", recompute, DROPOUT_SEED);
  }

  private static void check(
      String name, String base, String prefix, boolean recompute, @Nullable Long seed) {
    Path folder = ADAPTERS.resolve(name);
    try (TensorSource golden = SafetensorsFile.open(folder.resolve("expected.safetensors"));
        CausalLm model = CausalLm.load(ADAPTERS.resolve(base), LoadOptions.defaults());
        AdapterFolder stored = AdapterFolder.open(folder);
        LoraAdapter adapter = LoraAdapter.attach(model, stored);
        FlatParameters parameters = new FlatParameters(adapter.parameters(), model.computeDtype());
        Scope scope = Scope.open()) {
      int[][] ids = Golden.ids(golden.tensor("ids"));
      int targets = ids.length * (ids[0].length - 1);
      CausalLm.StepOptions options = new CausalLm.StepOptions(1.0 / targets, recompute, seed);
      double loss = model.lossAndGradients(ids, ids, options);
      assertThat(loss / targets)
          .isCloseTo(golden.tensor(prefix + "loss").toFloats()[0], offset(LOSS));
      Set<String> checked = new HashSet<>();
      for (Parameter parameter : parameters.parameters()) {
        checked.add(prefix + "grad." + parameter.name());
        float[] expected = golden.tensor(prefix + "grad." + parameter.name()).toFloats();
        assertThat(Gradients.relative(parameter.grad().toFloats(), expected))
            .as(parameter.name())
            .isLessThan(RELATIVE);
      }
      assertThat(golden.infos().keySet().stream().filter(k -> k.startsWith(prefix + "grad.")))
          .containsExactlyInAnyOrderElementsOf(checked);
    }
  }
}
