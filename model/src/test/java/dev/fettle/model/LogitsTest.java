package dev.fettle.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.TensorSource;
import dev.fettle.engine.Scope;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LogitsTest {
  /// transformers in float32 is itself 2.5e-5 away from float64 here (in the golden file's
  /// metadata).
  private static final float LOGITS = 1e-4f;

  @Test
  void equalTransformers() {
    try (CausalLm model = CausalLm.load(Golden.stories260K(), LoadOptions.defaults());
        TensorSource golden = Golden.open("logits.safetensors");
        Scope scope = Scope.open()) {
      int[][] ids = Golden.ids(golden.tensor("ids"));
      float[] expected = golden.tensor("logits").toFloats();
      long[] positions = Golden.longs(golden.tensor("positions"));
      float[] logits = model.logits(ids).toFloats();
      int vocab = model.config().vocabSize();
      for (int b = 0; b < ids.length; b++) {
        for (int p = 0; p < positions.length; p++) {
          for (int v = 0; v < vocab; v++) {
            float found = logits[((int) (b * ids[0].length + positions[p])) * vocab + v];
            assertThat(found)
                .as("row %d, position %d, token %d", b, positions[p], v)
                .isCloseTo(
                    expected[(b * positions.length + p) * vocab + v],
                    org.assertj.core.data.Offset.offset(LOGITS));
          }
        }
      }
    }
  }

  @ParameterizedTest(name = "KV cache: {0}")
  @ValueSource(booleans = {true, false})
  void greedyTextIsThatOfTransformers(boolean useCache) {
    try (CausalLm model = CausalLm.load(Golden.stories260K(), LoadOptions.defaults());
        Generator generator = new Generator(model, SamplingOptions.greedy(), 512, useCache);
        TensorSource golden = Golden.open("logits.safetensors")) {
      List<Long> expected = new ArrayList<>();
      for (long id : Golden.longs(golden.tensor("greedy"))) {
        expected.add(id);
      }
      List<Long> found = new ArrayList<>(List.of(1L));
      generator
          .generate(new int[] {1}, expected.size() - 1, id -> false, id -> true)
          .forEach(id -> found.add((long) id));
      assertThat(found).isEqualTo(expected);
    }
  }
}
