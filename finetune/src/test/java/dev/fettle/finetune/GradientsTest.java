package dev.fettle.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;

import dev.fettle.checkpoint.TensorSource;
import dev.fettle.engine.Scope;
import dev.fettle.lora.AdapterFolder;
import dev.fettle.lora.LoraAdapter;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.model.Parameter;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import java.nio.file.Path;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The gradient of every LoRA matrix of stories260K against PyTorch's autograd through PEFT.
class GradientsTest {
  /// Largest difference of a tensor's elements over its largest element. PyTorch against itself
  /// (eager and fused attention, or float32 and float64) differs by about 5e-6.
  private static final double RELATIVE = 1e-5;

  /// Sixteen ulps of a float32 near 4.
  private static final double LOSS = 4e-6;

  /// Over integers, a float32 rounding before a layer moves an activation in the middle between two
  /// integers to the other one. Measured here, where none lies so close: 2e-6; the dequantized
  /// product is 0.12 away.
  private static final double INTEGERS = 2e-3;

  private static final double INTEGERS_LOSS = 1e-4;

  @ParameterizedTest(name = "{0} base, recomputation {1}")
  @CsvSource({
    "float,false",
    "float,true",
    "nf4,false",
    "nf4,true",
    "int8,false",
    "int8,true",
    "gptq,false",
    "gptq,true"
  })
  void equalAutograd(String base, boolean recompute) {
    Path shared = Golden.stories260K();
    boolean stored = base.equals("nf4") || base.equals("gptq");
    Path folder = stored ? Golden.path("base-" + base) : shared;
    boolean integers = base.equals("int8");
    LoadOptions options =
        LoadOptions.defaults()
            .withComputeDtype(DType.F32)
            .withQuantizeOnLoad(integers ? new Scheme.LlmInt8() : null);
    try (CausalLm model = CausalLm.load(folder, options);
        AdapterFolder start = AdapterFolder.open(Golden.path("lora-init"));
        LoraAdapter adapter = LoraAdapter.attach(model, start);
        FlatParameters parameters = new FlatParameters(adapter.parameters(), model.computeDtype());
        TensorSource golden = Golden.open("gradients-" + base + ".safetensors");
        Scope scope = Scope.open()) {
      int[][] ids = Golden.ids(golden.tensor("ids"));
      int targets = ids.length * (ids[0].length - 1);
      double loss =
          model.lossAndGradients(ids, ids, new CausalLm.StepOptions(1.0 / targets, recompute, 0L));
      assertThat(loss / targets)
          .isCloseTo(golden.tensor("loss").toFloats()[0], offset(integers ? INTEGERS_LOSS : LOSS));
      assertThat(parameters.parameters()).hasSize(70);
      for (Parameter parameter : parameters.parameters()) {
        float[] expected = golden.tensor(parameter.name()).toFloats();
        assertThat(Gradients.relative(parameter.grad().toFloats(), expected))
            .as(parameter.name())
            .isLessThan(integers ? INTEGERS : RELATIVE);
      }
    }
  }
}
