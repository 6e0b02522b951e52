package dev.fettle.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.TensorSource;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Tiny random checkpoints of every family against what transformers makes of them: logits in
/// float32 and bfloat16, and generated tokens. Some have windows shorter than the text, or are read
/// from the keys that older releases of transformers wrote.
class DecoderFamiliesTest {
  private static final Path FAMILIES = Path.of("src/test/resources/golden/families");

  private static final Path IMAGES = Path.of("src/test/resources/golden/gemma3-images");

  /// Logits of these models reach about 6; float32 rounding stays far below this.
  private static final double LOGITS = 1e-4;

  /// bfloat16 keeps 8 bits: each of these models is about this far from itself in float32, in the
  /// mean, and two orders of summing about as far from each other.
  private static final double BFLOAT16_MEAN = 0.04;

  private static final int SHORT = 20;
  private static final int PROMPT = 24;
  private static final int END = 1;

  @TempDir Path copy;

  static Stream<String> families() throws IOException {
    return names("logits.safetensors").filter(DecoderFamiliesTest::hasPositions);
  }

  static Stream<String> oldConfigurations() throws IOException {
    return names("config-old.json");
  }

  private static Stream<String> names(String file) throws IOException {
    try (Stream<Path> folders = Files.list(FAMILIES)) {
      return folders
          .filter(folder -> Files.exists(folder.resolve(file)))
          .map(folder -> folder.getFileName().toString())
          .sorted()
          .toList()
          .stream();
    }
  }

  private static boolean hasPositions(String name) {
    try (TensorSource golden = Golden.open("families/" + name + "/logits.safetensors")) {
      return golden.infos().containsKey("positions");
    }
  }

  @ParameterizedTest
  @MethodSource("families")
  void equalTransformers(String name) {
    assertEqual(name, FAMILIES.resolve(name));
  }

  @ParameterizedTest
  @MethodSource("oldConfigurations")
  void equalTransformersFromOldKeys(String name) throws IOException {
    Path folder = FAMILIES.resolve(name);
    Files.copy(folder.resolve("model.safetensors"), copy.resolve("model.safetensors"));
    Files.copy(folder.resolve("config-old.json"), copy.resolve("config.json"));
    assertEqual(name, copy);
  }

  private static void assertEqual(String name, Path folder) {
    try (CausalLm model = CausalLm.load(folder, LoadOptions.defaults());
        TensorSource golden = Golden.open("families/" + name + "/logits.safetensors");
        Scope scope = Scope.open()) {
      int[][] ids = Golden.ids(golden.tensor("ids"));
      float[] found = at(golden, model.logits(ids), ids);
      assertThat(largest(found, golden.tensor("logits").toFloats())).isLessThan(LOGITS);
      int[][] start =
          Arrays.stream(ids).map(row -> Arrays.copyOf(row, SHORT)).toArray(int[][]::new);
      Tensor rows = model.logits(start).view(ids.length, SHORT, -1).narrow(1, SHORT - 1, 1);
      assertThat(largest(rows.contiguous().toFloats(), golden.tensor("short").toFloats()))
          .isLessThan(LOGITS);
    }
  }

  @ParameterizedTest
  @MethodSource("families")
  void equalTransformersInBfloat16(String name) {
    LoadOptions options = LoadOptions.defaults().withComputeDtype(DType.BF16);
    try (CausalLm model = CausalLm.load(FAMILIES.resolve(name), options);
        TensorSource golden = Golden.open("families/" + name + "/logits.safetensors");
        Scope scope = Scope.open()) {
      int[][] ids = Golden.ids(golden.tensor("ids"));
      float[] found = at(golden, model.logits(ids), ids);
      float[] exact = golden.tensor("logits").toFloats();
      float[] theirs = golden.tensor("bfloat16").toFloats();
      assertThat(mean(found, exact)).isLessThan(BFLOAT16_MEAN);
      assertThat(mean(found, exact)).isLessThan(1.5 * mean(theirs, exact));
    }
  }

  /// The folder of a model that also sees images: its language model alone is read.
  @Test
  void readsTheTextPartOfAModelThatSeesImages() {
    try (CausalLm model = CausalLm.load(IMAGES, LoadOptions.defaults());
        TensorSource golden = Golden.open("gemma3-images/logits.safetensors");
        Scope scope = Scope.open()) {
      float[] found = model.logits(Golden.ids(golden.tensor("ids"))).toFloats();
      assertThat(largest(found, golden.tensor("logits").toFloats())).isLessThan(LOGITS);
    }
  }

  /// Greedy, with the cache and without it; the end of the text is left out, as in the golden file.
  @ParameterizedTest
  @MethodSource("families")
  void generatesWhatTransformersDoes(String name) {
    try (CausalLm model = CausalLm.load(FAMILIES.resolve(name), LoadOptions.defaults());
        TensorSource golden = Golden.open("families/" + name + "/logits.safetensors")) {
      int[] prompt = Arrays.copyOf(Golden.ids(golden.tensor("ids"))[0], PROMPT);
      int[] expected = Golden.ids(golden.tensor("greedy"))[0];
      assertThat(expected.length).isGreaterThan(4);
      for (boolean cached : List.of(true, false)) {
        int[] text = Arrays.copyOf(prompt, PROMPT + expected.length);
        try (KvCache cache = model.newCache(1, text.length)) {
          for (int at = PROMPT; at < text.length; at++) {
            text[at] = next(model, Arrays.copyOf(text, at), cached ? cache : null);
          }
        }
        assertThat(Arrays.copyOfRange(text, PROMPT, text.length))
            .as("cached: " + cached)
            .isEqualTo(expected);
      }
    }
  }

  private static int next(CausalLm model, int[] text, @Nullable KvCache cache) {
    try (Scope scope = Scope.open()) {
      float[] logits;
      if (cache == null) {
        logits =
            model.logits(new int[][] {text}).narrow(0, text.length - 1, 1).contiguous().toFloats();
      } else {
        int[] unread = Arrays.copyOfRange(text, cache.length(), text.length);
        logits = model.nextLogits(new int[][] {unread}, cache).toFloats();
      }
      logits[END] = Float.NEGATIVE_INFINITY;
      int best = 0;
      for (int i = 0; i < logits.length; i++) {
        best = logits[i] > logits[best] ? i : best;
      }
      return best;
    }
  }

  /// The logits at the positions that the golden file holds.
  private static float[] at(TensorSource golden, Tensor logits, int[][] ids) {
    long[] positions = Golden.longs(golden.tensor("positions"));
    return logits
        .view(ids.length, ids[0].length, -1)
        .indexSelect(1, Tensors.ofLongs(positions))
        .toFloats();
  }

  private static double largest(float[] found, float[] expected) {
    assertThat(found).hasSameSizeAs(expected);
    double largest = 0;
    for (int i = 0; i < found.length; i++) {
      double difference = Math.abs((double) found[i] - expected[i]);
      largest = difference <= largest ? largest : difference; // also NaN
    }
    return largest;
  }

  private static double mean(float[] found, float[] expected) {
    assertThat(found).hasSameSizeAs(expected);
    double sum = 0;
    for (int i = 0; i < found.length; i++) {
      sum += Math.abs((double) found[i] - expected[i]);
    }
    return sum / found.length;
  }
}
