package dev.fettle.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.tensor.DType;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Texts read piece by piece against texts read at once.
class KvCacheTest {
  private static final Path FAMILIES = Path.of("src/test/resources/golden/families");
  private static final int LENGTH = 70;

  /// Logits near 6 whose float32 sums are divided differently; a lost position changes the first
  /// digit.
  private static final double LOGITS = 2e-5;

  @ParameterizedTest(name = "{0} by {1} tokens, {2} beside the window")
  @CsvSource({
    "llama3,1,256",
    "mistral-window,1,256",
    "mistral-window,1,1",
    "mistral-window,5,3",
    "mistral-window,33,1",
    "mistral-window,70,1",
    "gemma2,1,1",
    "gemma2,7,2",
    "gemma3,1,1",
    "gemma3,40,1",
    "qwen3-window,1,5",
    "smollm3-window,3,1",
    "phi3-window,1,1",
    "phi3,1,1",
    "llama-dynamic,70,1"
  })
  void piecesGiveWhatTheWholeGives(String family, int piece, int room) {
    try (CausalLm model = CausalLm.load(FAMILIES.resolve(family), LoadOptions.defaults());
        KvCache cache = new KvCache(model.config(), DType.F32, 2, LENGTH, room);
        Scope scope = Scope.open()) {
      int[][] ids = ids(model);
      for (int round = 0; round < 2; round++) {
        for (int from = 0; from < LENGTH; from += piece) {
          int to = Math.min(LENGTH, from + piece);
          float[] found = model.nextLogits(columns(ids, from, to), cache).toFloats();
          assertThat(cache.length()).isEqualTo(to);
          assertClose(found, last(model.logits(columns(ids, 0, to)), to));
        }
        cache.clear();
      }
    }
  }

  private static int[][] ids(CausalLm model) {
    SplittableRandom random = new SplittableRandom(8);
    int[][] ids = new int[2][LENGTH];
    for (int[] row : ids) {
      Arrays.setAll(row, i -> random.nextInt(model.config().vocabSize()));
    }
    return ids;
  }

  private static int[][] columns(int[][] ids, int from, int to) {
    return Arrays.stream(ids).map(row -> Arrays.copyOfRange(row, from, to)).toArray(int[][]::new);
  }

  private static float[] last(Tensor logits, int length) {
    return logits.view(2, length, -1).narrow(1, length - 1, 1).contiguous().toFloats();
  }

  private static void assertClose(float[] found, float[] expected) {
    assertThat(found).hasSameSizeAs(expected);
    for (int i = 0; i < found.length; i++) {
      assertThat(Math.abs((double) found[i] - expected[i])).isLessThan(LOGITS);
    }
  }
}
