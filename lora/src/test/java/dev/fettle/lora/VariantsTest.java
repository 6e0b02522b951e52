package dev.fettle.lora;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.SafetensorsFile;
import dev.fettle.checkpoint.TensorSource;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Adapters by PEFT that use more of its configuration: the same logits, or a clear refusal.
class VariantsTest {
  /// Largest difference of a logit; PEFT's own adapter and merged model differ by up to 1e-5 (see
  /// the metadata of the golden files), and logits here are up to 20.
  private static final double LOGITS = 1e-4;

  @ParameterizedTest
  @ValueSource(
      strings = {"rslora", "patterns", "regex", "exclude", "dora", "modules-to-save", "embedding"})
  void logitsWithTheAdapter(String variant) {
    try (CausalLm model = CausalLm.load(Golden.stories260K(), LoadOptions.defaults());
        AdapterFolder stored = AdapterFolder.open(Golden.variant(variant));
        LoraAdapter adapter = LoraAdapter.attach(model, stored);
        TensorSource golden = Golden.logitsOf(variant)) {
      int[][] ids = Golden.ids(golden.tensor("ids"));
      float[] found = atPositions(Golden.logits(model, ids), golden);
      assertThat(Golden.maxDifference(found, golden.tensor("adapter").toFloats()))
          .isLessThan(LOGITS);

      adapter.enabled(false);
      float[] base = atPositions(Golden.logits(model, ids), golden);
      assertThat(Golden.maxDifference(found, base)).as("the adapter matters").isGreaterThan(1e-2);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"rslora", "patterns", "regex", "exclude", "dora", "modules-to-save"})
  void logitsOfTheMergedModel(String variant, @TempDir Path folder) {
    Path merged = folder.resolve("merged");
    Merge.run(
        Golden.stories260K(),
        Golden.variant(variant),
        merged,
        null,
        false,
        (index, total, name) -> {});
    try (TensorSource golden = Golden.logitsOf(variant)) {
      float[] found = atPositions(Golden.logits(merged, Golden.ids(golden.tensor("ids"))), golden);
      assertThat(Golden.maxDifference(found, golden.tensor("merged").toFloats()))
          .isLessThan(LOGITS);
    }
  }

  /// Writing what was read gives a folder that means the same.
  @ParameterizedTest
  @ValueSource(strings = {"rslora", "patterns", "regex", "exclude", "dora", "modules-to-save"})
  void survivesWritingAndReading(String variant, @TempDir Path folder) {
    Path copy = folder.resolve("copy");
    try (CausalLm model = CausalLm.load(Golden.baseNf4(), LoadOptions.defaults());
        AdapterFolder stored = AdapterFolder.open(Golden.variant(variant));
        LoraAdapter adapter = LoraAdapter.attach(model, stored)) {
      AdapterFolder.write(copy, adapter);
      try (AdapterFolder again = AdapterFolder.open(copy)) {
        assertThat(again.config().toString()).isEqualTo(stored.config().toString());
      }
      try (TensorSource before = tensors(Golden.variant(variant));
          TensorSource after = tensors(copy)) {
        assertThat(after.infos().values()).hasSameElementsAs(before.infos().values());
        for (String name : before.infos().keySet()) {
          assertThat(after.tensor(name).data().mismatch(before.tensor(name).data()))
              .as(name)
              .isEqualTo(-1);
        }
      }
    }
  }

  private static TensorSource tensors(Path adapter) {
    return SafetensorsFile.open(adapter.resolve(AdapterFolder.TENSORS));
  }

  private static float[] atPositions(float[] logits, TensorSource golden) {
    int[] positions = Golden.ints(golden.tensor("positions"));
    int vocab = logits.length / (int) golden.tensor("ids").elements();
    float[] found = new float[positions.length * vocab];
    for (int i = 0; i < positions.length; i++) {
      float[] row = Arrays.copyOfRange(logits, positions[i] * vocab, (positions[i] + 1) * vocab);
      System.arraycopy(row, 0, found, i * vocab, vocab);
    }
    return found;
  }
}
