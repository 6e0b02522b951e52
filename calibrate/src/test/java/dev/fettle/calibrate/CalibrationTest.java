package dev.fettle.calibrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.engine.Scope;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.quantize.AffineParameters;
import dev.fettle.quantize.NanPolicy;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.observe.Observer;
import dev.fettle.quantize.observe.Range;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CalibrationTest {
  private static final Calibration.Options OPTIONS =
      new Calibration.Options(new CalibrationText.Limits(64, 0, 0), 2, DType.F32, NanPolicy.REFUSE);
  private static final String DOWN = "model.layers.1.mlp.down_proj";

  /// Sums are float64 added in another order: the rounding of a few dozen additions.
  private static final double SUM_TOLERANCE = 1e-13;

  @TempDir Path folder;

  @Test
  void watchesWhatTheLayersReallySee() throws IOException {
    Path data = lines("data.jsonl", 0, 5);
    ActivationStatistics statistics = run(EmbeddedModel.folder(), data);
    List<float[]> seen = new ArrayList<>();
    CalibrationText text = CalibrationText.load(EmbeddedModel.folder(), data, OPTIONS.limits());
    LoadOptions load = LoadOptions.defaults().withComputeDtype(DType.F32);
    try (CausalLm model = CausalLm.load(EmbeddedModel.folder(), load)) {
      model.linear(DOWN).observe(input -> seen.add(input.toFloats()));
      for (int[][] ids : text.batches(OPTIONS.batchSize())) {
        try (Scope scope = Scope.open()) {
          model.hidden(ids);
        }
      }
    }
    float max = Float.NEGATIVE_INFINITY;
    float min = Float.POSITIVE_INFINITY;
    long count = 0;
    for (float[] batch : seen) {
      for (float value : batch) {
        max = Math.max(max, value);
        min = Math.min(min, value);
        count++;
      }
    }
    LayerStatistics layer = statistics.layer(DOWN);
    assertThat(layer.ranges().range()).isEqualTo(new Range(min, max));
    assertThat(layer.ranges().count()).isEqualTo(count);
    assertThat(layer.ranges().batches()).hasSameSizeAs(seen);
    assertThat(layer.channels().tokens()).isEqualTo(text.tokens());
    assertThat(statistics.layers()).hasSize(28);
  }

  @Test
  void mergedRunsAreOneRunOverBothTexts() throws IOException {
    Path model = EmbeddedModel.folder();
    ActivationStatistics whole = run(model, lines("all.jsonl", 0, 8));
    ActivationStatistics first = stored(run(model, lines("a.jsonl", 0, 4)));
    first.merge(stored(run(model, lines("b.jsonl", 4, 8))));
    assertThat(first.runs()).hasSize(2);
    whole
        .layers()
        .forEach((path, expected) -> {
          LayerStatistics merged = first.layer(path);
          assertThat(merged.ranges().histogram()).isEqualTo(expected.ranges().histogram());
          assertThat(merged.ranges().count()).isEqualTo(expected.ranges().count());
          assertThat(merged.ranges().batches()).isEqualTo(expected.ranges().batches());
          assertThat(merged.channels().absMax()).containsExactly(expected.channels().absMax());
          double[] means = merged.channels().meanSquare();
          double[] expectedMeans = expected.channels().meanSquare();
          for (int c = 0; c < means.length; c++) {
            assertThat(means[c])
                .isCloseTo(
                    expectedMeans[c],
                    org.assertj.core.data.Offset.offset(SUM_TOLERANCE * expectedMeans[c]));
          }
        });
  }

  @Test
  void theFileGivesTheSameParameters() throws IOException {
    ActivationStatistics statistics = run(EmbeddedModel.folder(), lines("data.jsonl", 0, 4));
    ActivationStatistics read = stored(statistics);
    assertThat(read.model()).isEqualTo(statistics.model());
    assertThat(read.runs()).isEqualTo(statistics.runs());
    Scheme.Affine scheme = (Scheme.Affine) Scheme.parse("uint8:asym:tensor");
    for (String observer : List.of("min-max", "moving-average", "percentile", "entropy", "mse")) {
      AffineParameters parameters = read.parameters(DOWN, scheme, Observer.parse(observer));
      assertThat(parameters)
          .as(observer)
          .isEqualTo(statistics.parameters(DOWN, scheme, Observer.parse(observer)));
      Range range = statistics.layer(DOWN).ranges().range();
      AffineParameters widest = scheme.grid().parameters(range.min(), range.max());
      assertThat(parameters.scale()).as(observer).isLessThanOrEqualTo(widest.scale());
    }
  }

  @Test
  void onlyTensorSchemesHaveFixedParameters() throws IOException {
    ActivationStatistics statistics = run(EmbeddedModel.folder(), lines("data.jsonl", 0, 1));
    Scheme.Affine token = (Scheme.Affine) Scheme.parse("int8:sym:token");
    assertThatThrownBy(() -> statistics.parameters(DOWN, token, new Observer.MinMax()))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("int8:sym:token");
  }

  @Test
  void statisticsOfAnotherModelAreRefusedNamingBoth() throws IOException {
    ActivationStatistics statistics = run(EmbeddedModel.folder(), lines("data.jsonl", 0, 1));
    Path other = EmbeddedModel.copy(folder.resolve("other"));
    Path config = other.resolve("config.json");
    Files.writeString(
        config,
        Files.readString(config).replaceFirst("\"rope_theta\" *: *[0-9.]+", "\"rope_theta\": 5.0"));
    try (Checkpoint checkpoint = Checkpoint.open(other)) {
      assertThatThrownBy(() -> statistics.requireModel(checkpoint))
          .isInstanceOf(UserException.class)
          .hasMessageContaining(EmbeddedModel.folder().toString())
          .hasMessageContaining(other.toString());
    }
    ActivationStatistics others = run(other, lines("data.jsonl", 0, 1));
    assertThatThrownBy(() -> statistics.merge(others))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(other.toString());
    try (Checkpoint checkpoint = Checkpoint.open(EmbeddedModel.folder())) {
      statistics.requireModel(checkpoint);
    }
  }

  @Test
  void anEmptyTextIsRefused() throws IOException {
    Path empty = Files.writeString(folder.resolve("empty.txt"), "");
    Path blank = Files.writeString(folder.resolve("empty.jsonl"), "\n\n");
    assertThatThrownBy(() -> run(EmbeddedModel.folder(), empty))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("empty.txt");
    assertThatThrownBy(() -> run(EmbeddedModel.folder(), blank))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("empty.jsonl has no samples");
  }

  @Test
  void aFileThatIsDamagedOrOfAnotherKindIsRefused() throws IOException {
    Path other = Files.writeString(folder.resolve("other.json"), "{\"format\": \"x\"}");
    Path damaged =
        Files.writeString(
            folder.resolve("damaged.json"),
            "{\"format\": \"fettle-activation-statistics\", \"version\": 1, \"model\": {}}");
    assertThatThrownBy(() -> ActivationStatistics.load(other))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("other.json is no file of activation statistics");
    assertThatThrownBy(() -> ActivationStatistics.load(damaged))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("damaged.json is damaged");
  }

  @Test
  void limitsShortenTheText() throws IOException {
    Path data = lines("data.jsonl", 0, 8);
    CalibrationText.Limits limits = new CalibrationText.Limits(64, 3, 0);
    assertThat(CalibrationText.load(EmbeddedModel.folder(), data, limits).samples()).hasSize(3);
    limits = new CalibrationText.Limits(64, 0, 21);
    assertThat(CalibrationText.load(EmbeddedModel.folder(), data, limits).tokens()).isEqualTo(21);
  }

  private static ActivationStatistics run(Path model, Path data) {
    return Calibration.run(model, data, OPTIONS, (done, total) -> {});
  }

  private ActivationStatistics stored(ActivationStatistics statistics) {
    Path file = folder.resolve("statistics.json");
    statistics.save(file);
    return ActivationStatistics.load(file);
  }

  private Path lines(String name, int from, int to) throws IOException {
    List<String> lines = new ArrayList<>();
    for (int i = from; i < to; i++) {
      lines.add(
          "{\"text\": \"What is %d plus %d? The %s fox.\"}"
              .formatted(i, 2 * i, "red ".repeat(i / 2)));
    }
    return Files.write(folder.resolve(name), lines);
  }
}
