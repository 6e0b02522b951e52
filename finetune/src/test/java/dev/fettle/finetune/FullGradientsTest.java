package dev.fettle.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;

import dev.fettle.checkpoint.TensorSource;
import dev.fettle.engine.Scope;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.model.Parameter;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The gradient of every weight of stories260K (embedding tied to the head, norms, projections)
/// against PyTorch's autograd.
class FullGradientsTest {
  /// Largest difference of a tensor's elements over its largest element. PyTorch in float32 differs
  /// from float64 by about 5e-6 (see the golden file's metadata).
  private static final double RELATIVE = 2e-5;

  @ParameterizedTest(name = "recomputation {0}")
  @ValueSource(booleans = {false, true})
  void equalAutograd(boolean recompute) {
    try (CausalLm model =
            CausalLm.load(Golden.stories260K(), LoadOptions.defaults().withTrainable(true));
        FlatParameters parameters =
            new FlatParameters(model.baseParameters(), model.computeDtype());
        TensorSource golden = Golden.open("gradients-full.safetensors");
        Scope scope = Scope.open()) {
      int[][] ids = Golden.ids(golden.tensor("ids"));
      int targets = ids.length * (ids[0].length - 1);
      double loss =
          model.lossAndGradients(ids, ids, new CausalLm.StepOptions(1.0 / targets, recompute, 0L));
      assertThat(loss / targets).isCloseTo(golden.tensor("loss").toFloats()[0], offset(4e-6));
      assertThat(parameters.parameters()).hasSize(47);
      assertThat(parameters.values().elements()).isEqualTo(260_032);
      for (Parameter parameter : parameters.parameters()) {
        String name = parameter.name();
        float[] all = parameter.grad().toFloats();
        float norm = golden.tensor(name + ".norm").toFloats()[0];
        assertThat(Gradients.norm(all)).as(name).isCloseTo(norm, offset(norm * RELATIVE));
        float[] expected = golden.tensor(name).toFloats();
        float[] found =
            name.endsWith("_proj.weight") ? Gradients.everyEighthRow(parameter.grad()) : all;
        assertThat(Gradients.relative(found, expected)).as(name).isLessThan(RELATIVE);
        assertThat(Arrays.equals(found, new float[found.length])).isFalse();
      }
    }
  }
}
