package dev.fettle.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.data.Offset.offset;

import dev.fettle.engine.Scope;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

class KlDivergenceTest {
  /// float32 log-probabilities of 512 tokens against the same sum in float64.
  private static final double ROUNDING = 1e-6;

  private static final Path NF4 = Path.of("../finetune/src/test/resources/golden/base-nf4");

  private static final int LENGTH = 16;

  @Test
  void aModelDoesNotDivergeFromItself() {
    try (CausalLm model = CausalLm.load(stories260K(), LoadOptions.defaults())) {
      assertThat(KlDivergence.of(model, model, ids(3 * LENGTH), LENGTH))
          .isCloseTo(0, offset(ROUNDING));
    }
  }

  @Test
  void equalsTheDefinitionInFloat64() {
    try (CausalLm reference = CausalLm.load(stories260K(), LoadOptions.defaults());
        CausalLm model = CausalLm.load(NF4, LoadOptions.defaults())) {
      int[] ids = ids(2 * LENGTH + 3); // the rest of 3 fills no window
      double expected = 0;
      for (int window = 0; window < 2; window++) {
        int[] part = Arrays.copyOfRange(ids, window * LENGTH, (window + 1) * LENGTH);
        expected += sum(logits(reference, part), logits(model, part));
      }

      assertThat(expected).isPositive();
      assertThat(KlDivergence.of(reference, model, ids, LENGTH))
          .isCloseTo(expected / (2 * LENGTH), offset(ROUNDING));
    }
  }

  @Test
  void noTextIsRefused() {
    try (CausalLm model = CausalLm.load(stories260K(), LoadOptions.defaults())) {
      assertThatThrownBy(() -> KlDivergence.of(model, model, new int[0], LENGTH))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  private static float[] logits(CausalLm model, int[] ids) {
    try (Scope scope = Scope.open()) {
      return model.logits(new int[][] {ids}).toFloats();
    }
  }

  /// Σ over positions of Σ p · (ln p − ln q), row by row.
  private static double sum(float[] p, float[] q) {
    int vocab = p.length / LENGTH;
    double sum = 0;
    for (int row = 0; row < LENGTH; row++) {
      double normP = logSumExp(p, row * vocab, vocab);
      double normQ = logSumExp(q, row * vocab, vocab);
      for (int i = row * vocab; i < (row + 1) * vocab; i++) {
        sum += Math.exp(p[i] - normP) * ((p[i] - normP) - (q[i] - normQ));
      }
    }
    return sum;
  }

  private static double logSumExp(float[] logits, int from, int count) {
    double sum = 0;
    for (int i = from; i < from + count; i++) {
      sum += Math.exp(logits[i]);
    }
    return Math.log(sum);
  }

  private static int[] ids(int count) {
    int[] ids = new int[count];
    for (int i = 0; i < count; i++) {
      ids[i] = 3 + (i * 37) % 500;
    }
    return ids;
  }

  private static Path stories260K() {
    Path folder =
        Path.of(System.getProperty("fettle.shared", "../../shared")).resolve("assets/stories260K");
    Assumptions.assumeTrue(Files.isDirectory(folder), () -> folder + " is absent");
    return folder;
  }
}
