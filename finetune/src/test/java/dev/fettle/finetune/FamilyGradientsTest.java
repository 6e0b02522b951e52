package dev.fettle.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;

import dev.fettle.checkpoint.SafetensorsFile;
import dev.fettle.checkpoint.TensorSource;
import dev.fettle.engine.Scope;
import dev.fettle.lora.AdapterFolder;
import dev.fettle.lora.LoraAdapter;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.model.Parameter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// The gradients of adapters and of whole models of every family against PyTorch's autograd,
/// through PEFT and transformers.
class FamilyGradientsTest {
  private static final Path MODELS = Path.of("../model/src/test/resources/golden/families");
  private static final Path ADAPTERS = Path.of("../lora/src/test/resources/golden/families");

  /// Largest difference of a tensor's elements over its largest element, as in {@link
  /// GradientsTest}.
  private static final double RELATIVE = 1e-5;

  /// As in [FullGradientsTest].
  private static final double FULL = 2e-5;

  /// A bias of keys that know no positions shifts all scores alike: its gradient, 1e-6 of the
  /// others, is rounding alone.
  private static final double ZERO = 1e-7;

  /// Sixteen ulps of a float32 near 4.
  private static final double LOSS = 4e-6;

  static Stream<Arguments> families() throws IOException {
    List<Arguments> cases = new ArrayList<>();
    try (Stream<Path> folders = Files.list(ADAPTERS)) {
      for (Path folder : folders.sorted().toList()) {
        cases.add(Arguments.of(folder.getFileName().toString(), false));
        cases.add(Arguments.of(folder.getFileName().toString(), true));
      }
    }
    return cases.stream();
  }

  @ParameterizedTest(name = "{0}, recomputation {1}")
  @MethodSource("families")
  void adaptersEqualPeft(String name, boolean recompute) {
    Path folder = ADAPTERS.resolve(name);
    try (CausalLm model = CausalLm.load(MODELS.resolve(name), LoadOptions.defaults());
        AdapterFolder stored = AdapterFolder.open(folder);
        LoraAdapter adapter = LoraAdapter.attach(model, stored);
        FlatParameters parameters = new FlatParameters(adapter.parameters(), model.computeDtype());
        TensorSource golden = SafetensorsFile.open(folder.resolve("gradients.safetensors"));
        Scope scope = Scope.open()) {
      step(name, model, golden, recompute);
      assertThat(parameters.parameters()).hasSize(golden.infos().size() - 2);
      for (Parameter parameter : parameters.parameters()) {
        float[] expected = golden.tensor(parameter.name()).toFloats();
        assertThat(Gradients.relative(parameter.grad().toFloats(), expected))
            .as(parameter.name())
            .isLessThan(RELATIVE);
      }
    }
  }

  @ParameterizedTest(name = "{0}, recomputation {1}")
  @MethodSource("families")
  void allWeightsEqualTransformers(String name, boolean recompute) {
    LoadOptions options = LoadOptions.defaults().withTrainable(true);
    try (CausalLm model = CausalLm.load(MODELS.resolve(name), options);
        FlatParameters parameters =
            new FlatParameters(model.baseParameters(), model.computeDtype());
        TensorSource golden = Golden.open("families/" + name + ".safetensors");
        Scope scope = Scope.open()) {
      step(name, model, golden, recompute);
      assertThat(golden.infos()).hasSize(1 + 2 * parameters.parameters().size());
      for (Parameter parameter : parameters.parameters()) {
        float[] all = parameter.grad().toFloats();
        float norm = golden.tensor(parameter.name() + ".norm").toFloats()[0];
        if (norm < ZERO) {
          assertThat(Gradients.norm(all)).as(parameter.name()).isLessThan(ZERO);
          continue;
        }
        assertThat(Gradients.norm(all)).as(parameter.name()).isCloseTo(norm, offset(norm * FULL));
        float[] expected = golden.tensor(parameter.name()).toFloats();
        assertThat(Gradients.relative(Gradients.everyEighthRow(parameter.grad()), expected))
            .as(parameter.name())
            .isLessThan(FULL);
      }
    }
  }

  private static void step(String name, CausalLm model, TensorSource golden, boolean recompute) {
    int[][] ids;
    try (TensorSource logits =
        SafetensorsFile.open(MODELS.resolve(name).resolve("logits.safetensors"))) {
      ids = Golden.ids(logits.tensor("ids"));
    }
    int targets = ids.length * (ids[0].length - 1);
    double loss =
        model.lossAndGradients(ids, ids, new CausalLm.StepOptions(1.0 / targets, recompute, 0L));
    assertThat(loss / targets).isCloseTo(golden.tensor("loss").toFloats()[0], offset(LOSS));
  }
}
