package dev.fettle.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.data.Offset.offset;

import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensors;
import dev.fettle.lora.LoraAdapter;
import dev.fettle.lora.LoraConfig;
import dev.fettle.lora.TargetModules;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.model.Parameter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Documents packed into rows against the same documents one by one: losses, logits and the
/// gradients of LoRA, with windows, caps, two rotary embeddings and layers without any.
class PackedGradientsTest {
  private static final Path FAMILIES = Path.of("../model/src/test/resources/golden/families");

  /// Sums of the same float32 products, divided differently among the calls of the library.
  private static final double RELATIVE = 5e-6;

  /// Rows of documents; the lengths include windows of 8 to 24 tokens and what is longer.
  private static final int[][] LENGTHS = {{37, 1, 26}, {64}, {2, 9, 50, 3}};

  @ParameterizedTest(name = "{0}, recomputation {1}")
  @CsvSource({
    "llama3,false",
    "llama3,true",
    "mistral-window,false",
    "mistral-window,true",
    "gemma2,false",
    "gemma2,true",
    "gemma3,false",
    "phi3,false",
    "qwen3-window,true",
    "smollm3,false"
  })
  void equalTheDocumentsAlone(String family, boolean recompute) {
    try (CausalLm model = CausalLm.load(FAMILIES.resolve(family), LoadOptions.defaults());
        LoraAdapter adapter = adapter(model);
        FlatParameters parameters =
            new FlatParameters(adapter.parameters(), model.computeDtype())) {
      CausalLm.StepOptions options = new CausalLm.StepOptions(0.01, recompute, null);
      Packed packed = Packed.random(model.config());
      double together = model.lossAndGradients(packed.ids, packed.labels, packed.starts, options);
      List<float[]> gradients = gradients(parameters);
      zero(parameters);
      double alone = 0;
      for (int[][] document : packed.documents()) {
        if (document[0].length > 1) {
          alone += model.lossAndGradients(document, document, null, options);
        }
      }
      assertThat(together).isCloseTo(alone, offset(RELATIVE * alone));
      List<float[]> expected = gradients(parameters);
      for (int i = 0; i < expected.size(); i++) {
        assertThat(Gradients.relative(gradients.get(i), expected.get(i)))
            .as(parameters.parameters().get(i).name())
            .isLessThan(RELATIVE);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama3", "mistral-window", "gemma2", "gemma3", "phi3", "smollm3"})
  void losesWhatTheDocumentsLoseAlone(String family) {
    try (CausalLm model = CausalLm.load(FAMILIES.resolve(family), LoadOptions.defaults());
        Scope scope = Scope.open()) {
      Packed packed = Packed.random(model.config());
      float[] together = model.negativeLogLikelihoods(packed.ids, packed.labels, packed.starts);
      List<Float> alone = new ArrayList<>();
      for (int[][] document : packed.documents()) {
        for (float loss : model.negativeLogLikelihoods(document, document)) {
          alone.add(loss);
        }
      }
      assertThat(together).hasSize(alone.size());
      for (int i = 0; i < together.length; i++) {
        assertThat(together[i]).isCloseTo(alone.get(i), offset((float) (4 * RELATIVE)));
      }
      float[] mixed = model.negativeLogLikelihoods(packed.ids, packed.labels);
      assertThat(mixed).as("without the boundaries").isNotEqualTo(together);
    }
  }

  /// With dropout the masks belong to rows, so only recomputing must not change anything.
  @ParameterizedTest
  @ValueSource(strings = {"llama3", "gemma2"})
  void recomputingChangesNothing(String family) {
    try (CausalLm model = CausalLm.load(FAMILIES.resolve(family), LoadOptions.defaults());
        LoraAdapter adapter = adapter(model);
        FlatParameters parameters =
            new FlatParameters(adapter.parameters(), model.computeDtype())) {
      Packed packed = Packed.random(model.config());
      List<List<float[]>> both = new ArrayList<>();
      for (boolean recompute : new boolean[] {false, true}) {
        zero(parameters);
        model.lossAndGradients(
            packed.ids,
            packed.labels,
            packed.starts,
            new CausalLm.StepOptions(0.01, recompute, 5L));
        both.add(gradients(parameters));
      }
      for (int i = 0; i < both.get(0).size(); i++) {
        assertThat(both.get(1).get(i)).isEqualTo(both.get(0).get(i));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"1", "0,0", "0,5,3", "0,80", ""})
  void startsThatAreNoneAreRefused(String text) {
    int[] starts =
        text.isEmpty()
            ? new int[0]
            : Arrays.stream(text.split(",")).mapToInt(Integer::parseInt).toArray();
    Path folder = FAMILIES.resolve("llama3");
    try (CausalLm model = CausalLm.load(folder, LoadOptions.defaults());
        Scope scope = Scope.open()) {
      assertThatThrownBy(() -> model.hidden(new int[1][80], new int[][] {starts}))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("document");
    }
  }

  private static LoraAdapter adapter(CausalLm model) {
    LoraAdapter adapter =
        LoraAdapter.attach(model, LoraConfig.of(4, 8, new TargetModules.AllLinear()), 1);
    try (Scope scope = Scope.open()) {
      int seed = 0;
      for (Parameter parameter : adapter.parameters()) { // B starts at 0, which hides half
        parameter
            .value()
            .copyInPlace(
                Tensors.normal(seed++, parameter.value().shape().toArray()).mulInPlace(0.05));
      }
    }
    return adapter;
  }

  private static void zero(FlatParameters parameters) {
    parameters.parameters().forEach(parameter -> parameter.grad().zeroInPlace());
  }

  private static List<float[]> gradients(FlatParameters parameters) {
    return parameters.parameters().stream().map(p -> p.grad().toFloats()).toList();
  }

  /// @param labels the ids, except for the first token of each document
  private record Packed(int[][] ids, int[][] labels, int[][] starts) {
    static Packed random(ModelConfig config) {
      SplittableRandom random = new SplittableRandom(3);
      int[][] ids = new int[LENGTHS.length][64];
      int[][] labels = new int[LENGTHS.length][];
      int[][] starts = new int[LENGTHS.length][];
      for (int row = 0; row < ids.length; row++) {
        Arrays.setAll(ids[row], i -> random.nextInt(config.vocabSize()));
        labels[row] = ids[row].clone();
        starts[row] = new int[LENGTHS[row].length];
        int at = 0;
        for (int i = 0; i < starts[row].length; i++) {
          starts[row][i] = at;
          labels[row][at] = -100;
          at += LENGTHS[row][i];
        }
      }
      return new Packed(ids, labels, starts);
    }

    List<int[][]> documents() {
      List<int[][]> documents = new ArrayList<>();
      for (int row = 0; row < ids.length; row++) {
        int at = 0;
        for (int length : LENGTHS[row]) {
          documents.add(new int[][] {Arrays.copyOfRange(ids[row], at, at + length)});
          at += length;
        }
      }
      return documents;
    }
  }
}
