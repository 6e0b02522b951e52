package dev.fettle.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Norms;
import dev.fettle.checkpoint.TensorSource;
import dev.fettle.engine.FusedSteps;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import java.nio.file.Path;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BlockRunnerTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama-bias",
        "llama-linear-rope",
        "llama3",
        "mistral-window",
        "qwen2",
        "qwen3",
        "gemma",
        "gemma2",
        "gemma3",
        "phi3",
        "smollm3",
        "granite"
      })
  void blocksOneByOneGiveTheHiddenStatesOfTheWholeModel(String family) {
    Path folder = Path.of("src/test/resources/golden/families", family);
    try (TensorSource golden = Golden.open("families/" + family + "/logits.safetensors");
        CausalLm model = CausalLm.load(folder, LoadOptions.defaults());
        BlockRunner runner = BlockRunner.open(folder, LoadOptions.defaults());
        Scope scope = Scope.open()) {
      int[][] ids = Golden.ids(golden.tensor("ids"));
      Tensor hidden = runner.embed(ids);
      for (int layer = 0; layer < runner.config().numHiddenLayers(); layer++) {
        try (LoadedBlock block = runner.load(layer)) {
          assertThat(block.linears()).hasSize(runner.config().fusedProjections() ? 4 : 7);
          hidden = block.run(hidden, ids.length, ids[0].length);
        }
      }
      Tensor weight = Tensors.copyOf(runner.checkpoint().tensor(Architecture.FINAL_NORM));
      Norms norms = runner.config().norms();
      Tensor normed =
          FusedSteps.best()
              .rmsNorm(
                  hidden, weight.to(runner.computeDtype()), norms.eps(), norms.onePlusWeight());
      assertThat(normed.toFloats()).isEqualTo(model.hidden(ids).toFloats());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama3"})
  void aReplacedNormChangesWhatTheBlockComputes(String family) {
    Path folder = Path.of("src/test/resources/golden/families", family);
    try (BlockRunner runner = BlockRunner.open(folder, LoadOptions.defaults());
        LoadedBlock block = runner.load(0);
        Scope scope = Scope.open()) {
      Tensor hidden = runner.embed(new int[][] {{1, 2, 3}});
      float[] before = block.run(hidden, 1, 3).toFloats();
      Tensor norm = block.inputNorm();
      block.inputNorm(norm.mul(2));
      assertThat(block.run(hidden, 1, 3).toFloats()).isNotEqualTo(before);
      block.inputNorm(norm);
      assertThat(block.run(hidden, 1, 3).toFloats()).isEqualTo(before);
    }
  }
}
