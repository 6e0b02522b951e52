package dev.fettle.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.TensorSource;
import dev.fettle.engine.Scope;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Tiny random checkpoints of every accepted family against transformers' float32 logits.
class FamiliesTest {
  /// Logits of these models reach about 20; float32 rounding through two layers stays far below
  /// this.
  private static final double LOGITS = 1e-4;

  private static final int[] POSITIONS = {0, 40, 79};

  @ParameterizedTest
  @ValueSource(strings = {"llama3", "llama-bias", "llama-linear-rope", "mistral", "qwen2"})
  void equalTransformers(String name) {
    Path folder = Path.of("src/test/resources/golden/families", name);
    try (CausalLm model = CausalLm.load(folder, LoadOptions.defaults());
        TensorSource golden = Golden.open("families/" + name + "/logits.safetensors");
        Scope scope = Scope.open()) {
      int[][] ids = Golden.ids(golden.tensor("ids"));
      float[] expected = golden.tensor("logits").toFloats();
      float[] found = model.logits(ids).toFloats();
      int vocab = model.config().vocabSize();
      double difference = 0;
      for (int row = 0; row < ids.length; row++) {
        for (int p = 0; p < POSITIONS.length; p++) {
          for (int v = 0; v < vocab; v++) {
            int at = (row * ids[0].length + POSITIONS[p]) * vocab + v;
            double reference = expected[(row * POSITIONS.length + p) * vocab + v];
            difference = Math.max(difference, Math.abs(found[at] - reference));
          }
        }
      }
      assertThat(difference).isLessThan(LOGITS);
    }
  }

  @Test
  void aTextLongerThanTheModelIsRefused() {
    Path folder = Path.of("src/test/resources/golden/families/llama3");
    try (CausalLm model = CausalLm.load(folder, LoadOptions.defaults())) {
      assertThatThrownBy(() -> model.negativeLogLikelihoods(new int[1][257], new int[1][257]))
          .isInstanceOf(UserException.class)
          .hasMessageContaining("256");
    }
  }

  @Test
  void aTokenOutsideTheVocabularyIsRefused() {
    Path folder = Path.of("src/test/resources/golden/families/llama3");
    try (CausalLm model = CausalLm.load(folder, LoadOptions.defaults())) {
      int outside = model.config().vocabSize();
      assertThatThrownBy(() -> model.logits(new int[][] {{1, outside}}))
          .isInstanceOf(UserException.class)
          .hasMessageContaining("Token " + outside);
    }
  }
}
