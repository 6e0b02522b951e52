package dev.fettle.quantize.observe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Json;
import dev.fettle.quantize.AffineGrid;
import dev.fettle.quantize.AffineParameters;
import dev.fettle.quantize.Symmetry;
import dev.fettle.tensor.UserException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/// Ranges of fixed histograms against PyTorch, NVIDIA's Model Optimizer and ONNX Runtime's rule,
/// see `tools/golden/make_observers.py`.
class ObserversTest {
  private static final AffineGrid ASYMMETRIC = new AffineGrid(8, false, Symmetry.ASYMMETRIC);

  record Case(JsonNode json) {
    RangeStatistics statistics() {
      List<Range> batches = new ArrayList<>();
      for (int i = 0; i < json.path("batch_min").size(); i++) {
        batches.add(
            new Range(
                number(json.path("batch_min").get(i)), number(json.path("batch_max").get(i))));
      }
      Histogram histogram =
          Histogram.of(
              json.path("exponent").intValue(),
              longs(json.path("negative")),
              longs(json.path("positive")));
      return RangeStatistics.of(histogram.count(), 0, 0, batches, histogram);
    }

    private static long[] longs(JsonNode array) {
      return StreamSupport.stream(array.spliterator(), false)
          .mapToLong(JsonNode::longValue)
          .toArray();
    }

    JsonNode thresholds(String kind) {
      return json.path("thresholds").path(kind);
    }

    @Override
    public String toString() {
      return json.path("name").asString();
    }
  }

  static List<Case> cases() throws URISyntaxException {
    Path file =
        Path.of(
            Objects.requireNonNull(ObserversTest.class.getResource("/golden/observers.json"))
                .toURI());
    List<Case> cases = new ArrayList<>();
    Json.read(file).path("cases").forEach(json -> cases.add(new Case(json)));
    return cases;
  }

  @ParameterizedTest
  @MethodSource("cases")
  void minMaxIsPyTorchs(Case data) {
    Range range = new Observer.MinMax().range(data.statistics(), ASYMMETRIC);
    assertThat(range).isEqualTo(range(data.json().path("min_max")));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void movingAverageIsPyTorchsToTheBit(Case data) {
    assertThat(data.json().path("moving_average").size()).isEqualTo(3);
    data.json()
        .path("moving_average")
        .properties()
        .forEach(entry ->
            assertThat(
                    Observer.parse("moving-average:" + entry.getKey())
                        .range(data.statistics(), ASYMMETRIC))
                .isEqualTo(range(entry.getValue())));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void percentileIsThatOfNvidiasCalibrator(Case data) {
    assertThat(data.thresholds("percentile").size()).isEqualTo(5);
    data.thresholds("percentile")
        .properties()
        .forEach(entry ->
            assertThreshold(
                data,
                Observer.parse("percentile:" + entry.getKey()),
                grid("int8"),
                entry.getValue()));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void entropyIsThatOfNvidiasCalibrator(Case data) {
    assertThat(data.thresholds("entropy").size()).isGreaterThanOrEqualTo(3);
    data.thresholds("entropy")
        .properties()
        .forEach(entry ->
            assertThreshold(data, new Observer.Entropy(), grid(entry.getKey()), entry.getValue()));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void squaredErrorIsThatOfNvidiasCalibrator(Case data) {
    assertThat(data.thresholds("mse").size()).isGreaterThanOrEqualTo(3);
    data.thresholds("mse")
        .properties()
        .forEach(entry ->
            assertThreshold(data, new Observer.Mse(), grid(entry.getKey()), entry.getValue()));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void asymmetricPercentileIsOnnxRuntimes(Case data) {
    RangeStatistics statistics = data.statistics();
    float width = (float) statistics.histogram().width();
    Range seen = statistics.range();
    data.json()
        .path("asymmetric_percentile")
        .properties()
        .forEach(entry ->
            assertThat(Observer.parse("percentile:" + entry.getKey()).range(statistics, ASYMMETRIC))
                .as(entry.getKey())
                .isEqualTo(
                    new Range(
                        Math.max(seen.min(), entry.getValue().get(0).intValue() * width),
                        Math.min(seen.max(), entry.getValue().get(1).intValue() * width))));
  }

  @Test
  void anAsymmetricSearchClipsTheTailOnly() {
    RangeStatistics statistics = new RangeStatistics();
    float[] values = new float[20_001];
    for (int i = 0; i < 20_000; i++) {
      values[i] = -1 + i / 10_000f; // -1 to 1, evenly
    }
    values[20_000] = 20;
    statistics.add(values);
    AffineGrid grid = new AffineGrid(4, false, Symmetry.ASYMMETRIC);
    Range range = new Observer.Mse().range(statistics, grid);
    assertThat(range.min()).isBetween(-1.3f, -0.9f);
    assertThat(range.max()).isBetween(1f, 19f);
    assertThat(error(values, range, grid)).isLessThan(error(values, statistics.range(), grid));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "min-max",
        "moving-average:0.01",
        "moving-average:1",
        "percentile:99.99",
        "percentile:100",
        "entropy",
        "mse"
      })
  void textAndObserverAreInverse(String text) {
    assertThat(Observer.parse(text)).hasToString(text);
  }

  @Test
  void parametersHaveTheDefaultsOfTheReference() {
    assertThat(Observer.parse("moving-average")).hasToString("moving-average:0.01");
    assertThat(Observer.parse("percentile")).hasToString("percentile:99.99");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "minmax",
        "mse:3",
        "percentile:x",
        "percentile:101",
        "percentile:0",
        "moving-average:0",
        "moving-average:1.5",
        ""
      })
  void otherTextIsRefused(String text) {
    assertThatThrownBy(() -> Observer.parse(text)).isInstanceOf(UserException.class);
  }

  private static void assertThreshold(
      Case data, Observer observer, AffineGrid grid, JsonNode expectedBins) {
    RangeStatistics statistics = data.statistics();
    double width = statistics.histogram().width();
    Range seen = statistics.range();
    float expected = (float) Math.min(seen.largest(), expectedBins.doubleValue() * width);
    assertThat(observer.range(statistics, grid).largest())
        .as("%s on %s", observer, grid)
        .isEqualTo(expected);
  }

  /// The narrow range that NVIDIA's calibrators quantize to.
  private static AffineGrid grid(String name) {
    int bits = name.charAt(name.length() - 1) - '0';
    return name.startsWith("u")
        ? new AffineGrid(bits, false, Symmetry.SYMMETRIC)
        : new AffineGrid(bits, true, Symmetry.RESTRICTED);
  }

  private static Range range(JsonNode pair) {
    return new Range(number(pair.get(0)), number(pair.get(1)));
  }

  /// A float32 that Python printed as a double.
  private static float number(JsonNode node) {
    return (float) node.doubleValue();
  }

  private static double error(float[] values, Range range, AffineGrid grid) {
    AffineParameters parameters = grid.parameters(range.min(), range.max());
    double sum = 0;
    for (float value : values) {
      double difference = parameters.dequantize(parameters.quantize(value, grid)) - value;
      sum += difference * difference;
    }
    return sum;
  }
}
