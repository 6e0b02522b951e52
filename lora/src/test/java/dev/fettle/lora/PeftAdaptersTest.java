package dev.fettle.lora;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.SafetensorsFile;
import dev.fettle.checkpoint.TensorSource;
import dev.fettle.engine.Scope;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.tensor.HostTensor;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Every kind of adapter that PEFT saves: its logits and its merged weights are those of PEFT, and
/// written again it is the same file.
class PeftAdaptersTest {
  /// Logits of up to 4 in float32, summed in another order; PEFT's merged model differs from its
  /// own adapter by 2e-6.
  private static final double LOGITS = 1e-5;

  /// Weights of up to 2; PEFT adds in float32, Fettle in float64 and rounds once.
  private static final double WEIGHTS = 1e-6;

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "dora",
        "dora-rslora",
        "dora-ends",
        "ends",
        "ends-tied",
        "embedding-tied",
        "ends-tied-ensured",
        "save-norms",
        "save-ends",
        "save-ends-tied",
        "save-head-tied",
        "save-ends-tied-ensured",
        "save-linears",
        "bias-all",
        "bias-lora-only",
        "bias-all-dora",
        "bias-all-save",
        "lora-bias",
        "tokens",
        "tokens-tied",
        "tokens-two",
        "everything",
        "gemma-ends",
        "gemma-ends-dora",
        "gemma-tokens",
        "gemma-tokens-tied",
        "gemma-save",
        "phi3-all",
        "phi3-dora",
        "phi3-save",
        "phi3-some"
      })
  void computesMergesAndWritesWhatPeftDoes(String name) {
    Path adapter = Golden.peftAdapter(name);
    Path base = Golden.peftBase(name);
    try (TensorSource expected = SafetensorsFile.open(adapter.resolve("expected.safetensors"))) {
      int[][] ids = Golden.rows(expected.tensor("ids"));
      float[] logits = expected.tensor("logits").toFloats();
      try (CausalLm model = CausalLm.load(base, LoadOptions.defaults());
          AdapterFolder stored = AdapterFolder.open(adapter);
          LoraAdapter attached = LoraAdapter.attach(model, stored);
          Scope scope = Scope.open()) {
        assertThat(Golden.maxDifference(Golden.logits(model, ids), logits)).isLessThan(LOGITS);
        AdapterFolder.write(folder.resolve("again"), attached);
      }
      sameTensors(adapter, folder.resolve("again"));
      mergesAs(expected, base, adapter);
      float[] merged = Golden.logits(folder.resolve("merged"), ids);
      assertThat(Golden.maxDifference(merged, logits)).isLessThan(LOGITS);
      if (expected.infos().containsKey("nf4.logits")) {
        onNf4(expected, adapter, ids);
      }
    }
  }

  private void mergesAs(TensorSource expected, Path base, Path adapter) {
    Path output = folder.resolve("merged");
    Merge.MergeReport report =
        Merge.run(base, adapter, output, null, false, (index, total, tensor) -> {});
    Set<String> changed = new HashSet<>();
    try (Checkpoint written = Checkpoint.open(output);
        Checkpoint before = Checkpoint.open(base)) {
      for (String key : expected.infos().keySet()) {
        if (key.startsWith("merged.")) {
          String tensor = key.substring("merged.".length());
          changed.add(tensor);
          assertThat(
                  Golden.maxDifference(
                      written.tensor(tensor).toFloats(), expected.tensor(key).toFloats()))
              .as(tensor)
              .isLessThan(WEIGHTS);
        }
      }
      for (String tensor : before.infos().keySet()) {
        if (!changed.contains(tensor)) {
          assertThat(written.tensor(tensor).data().mismatch(before.tensor(tensor).data()))
              .as(tensor)
              .isEqualTo(-1);
        }
      }
      assertThat(written.config().tieWordEmbeddings())
          .isEqualTo(Golden.ints(expected.tensor("tied"))[0] == 1);
    }
    assertThat(report.mergedLayers()).isGreaterThanOrEqualTo(changed.size());
  }

  private static void onNf4(TensorSource expected, Path adapter, int[][] ids) {
    try (CausalLm model = CausalLm.load(Golden.peftAdapter("base-nf4"), LoadOptions.defaults());
        AdapterFolder stored = AdapterFolder.open(adapter);
        LoraAdapter attached = LoraAdapter.attach(model, stored)) {
      assertThat(attached.targets()).isNotEmpty();
      assertThat(
              Golden.maxDifference(
                  Golden.logits(model, ids), expected.tensor("nf4.logits").toFloats()))
          .isLessThan(LOGITS);
    }
  }

  private static void sameTensors(Path peft, Path ours) {
    try (TensorSource before = SafetensorsFile.open(peft.resolve(AdapterFolder.TENSORS));
        TensorSource after = SafetensorsFile.open(ours.resolve(AdapterFolder.TENSORS))) {
      List<String> names =
          before.infos().keySet().stream()
              .filter(
                  key -> !key.contains(".modules_to_save.") && !key.contains(".original_module."))
              .toList();
      assertThat(after.infos().keySet()).containsExactlyInAnyOrderElementsOf(names);
      for (String key : names) {
        HostTensor tensor = after.tensor(key);
        assertThat(tensor.shape()).as(key).isEqualTo(before.tensor(key).shape());
        assertThat(tensor.toFloats()).as(key).isEqualTo(before.tensor(key).toFloats());
      }
    }
  }
}
