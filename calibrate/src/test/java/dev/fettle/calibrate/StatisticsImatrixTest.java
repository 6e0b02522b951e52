package dev.fettle.calibrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.quantize.NanPolicy;
import dev.fettle.quantize.ggml.Imatrix;
import dev.fettle.tensor.DType;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.SequencedMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StatisticsImatrixTest {
  /// Relative: activations are float32 after up to four layers, computed in another order, and
  /// squared; seen were 2e-5.
  private static final float TOLERANCE = 1e-4f;

  private static final int ROWS = 3;
  private static final int LENGTH = 48;

  @TempDir Path folder = Path.of("");

  /// Ids and expected sums: `tools/golden/make_imatrix.py`.
  @Test
  void sumsAreThoseOfTransformers() throws Exception {
    Imatrix ours = collected();
    Imatrix golden = Imatrix.load(golden());
    assertThat(ours.entries()).hasSize(28);
    assertThat(golden.entries()).hasSize(14);
    assertThat(golden.chunkCount()).isEqualTo(ROWS);
    assertThat(golden.chunkSize()).isEqualTo(LENGTH);
    golden
        .entries()
        .forEach((name, expected) -> {
          Imatrix.Entry entry = Objects.requireNonNull(ours.entries().get(name), name);
          assertThat(entry.counts()).containsExactly(ROWS * LENGTH);
          assertThat(entry.sums()).hasSameSizeAs(expected.sums());
          for (int i = 0; i < expected.sums().length; i++) {
            assertThat(entry.sums()[i])
                .as("%s[%d]", name, i)
                .isCloseTo(expected.sums()[i], within(TOLERANCE * expected.sums()[i]));
          }
        });
  }

  @Test
  void theFileHoldsTheSame() {
    Imatrix imatrix = collected();
    Path file = folder.resolve("imatrix.gguf");
    imatrix.save(file);
    Imatrix read = Imatrix.load(file);
    assertThat(read.datasets()).isEqualTo(imatrix.datasets()).containsExactly("ids.txt");
    assertThat(read.chunkCount()).isEqualTo(ROWS);
    assertThat(read.chunkSize()).isEqualTo(LENGTH);
    assertThat(read.entries().keySet()).isEqualTo(imatrix.entries().keySet());
    imatrix
        .entries()
        .forEach((name, entry) -> {
          Imatrix.Entry back = Objects.requireNonNull(read.entries().get(name));
          assertThat(back.sums()).containsExactly(entry.sums());
          assertThat(back.counts()).containsExactly(entry.counts());
        });
  }

  private static Imatrix collected() {
    int[][] ids = new int[ROWS][LENGTH];
    for (int i = 0; i < ROWS * LENGTH; i++) {
      ids[i / LENGTH][i % LENGTH] = (37 * i + 11) % 1024;
    }
    LoadOptions load = LoadOptions.defaults().withComputeDtype(DType.F32);
    try (CausalLm model = CausalLm.load(EmbeddedModel.folder(), load)) {
      SequencedMap<String, LayerStatistics> layers =
          Calibration.collect(model, List.<int[][]>of(ids), NanPolicy.REFUSE, (done, total) -> {});
      var run =
          new ActivationStatistics.Run(
              "ids.txt", "", ROWS, ROWS * LENGTH, LENGTH, ROWS, NanPolicy.REFUSE);
      return StatisticsImatrix.of(
          new ActivationStatistics(
              "This run",
              new ActivationStatistics.Model("model", "", DType.F32),
              List.of(run),
              layers));
    }
  }

  private static Path golden() throws Exception {
    return Path.of(
        Objects.requireNonNull(
                StatisticsImatrixTest.class.getResource("/golden/imatrix.gguf"), "golden")
            .toURI());
  }
}
