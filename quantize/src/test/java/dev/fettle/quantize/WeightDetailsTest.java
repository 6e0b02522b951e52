package dev.fettle.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;

class WeightDetailsTest {
  /// Float64 sums in another order.
  private static final double ROUNDING = 1e-9;

  private static final int ROWS = 700; // several parts
  private static final int COLUMNS = 500;

  @Test
  void momentsAreThoseOfTheDefinition() {
    float[] weights = normal(ROWS * COLUMNS);
    weights[12_345] = 9;
    weights[300_000] = -7;
    WeightDetails details = details(weights, ROWS, COLUMNS, "int4:sym:channel");

    double mean = 0;
    for (float w : weights) {
      mean += w;
    }
    mean /= weights.length;
    double second = 0;
    double fourth = 0;
    for (float w : weights) {
      double centred = w - mean;
      second += centred * centred;
      fourth += centred * centred * centred * centred;
    }
    second /= weights.length;
    fourth /= weights.length;
    assertThat(details.count()).isEqualTo(weights.length);
    assertThat(details.mean()).isCloseTo(mean, within(ROUNDING));
    assertThat(details.deviation()).isCloseTo(Math.sqrt(second), within(ROUNDING));
    assertThat(details.kurtosis()).isCloseTo(fourth / (second * second), within(ROUNDING));
    assertThat(details.kurtosis()).isBetween(3.0, 3.2);
    assertThat(details.outliers()).isEqualTo(2);
    assertThat(details.limit()).isEqualTo(9);
    assertThat(details.sumOfSquares())
        .isCloseTo(weights.length * (second + mean * mean), within(1e-6));
  }

  @Test
  void histogramsCountEveryWeightBeforeAndAfter() {
    float[] weights = {-1, -0.9f, -0.5f, 0, 0.01f, 0.5f, 0.97f, 1};
    WeightDetails details = details(weights, 1, 8, "int2:sym:tensor:restricted");
    List<Long> before = details.before();
    assertThat(before).hasSize(WeightDetails.BINS);
    assertThat(before.stream().mapToLong(Long::longValue).sum()).isEqualTo(8);
    assertThat(before.getFirst()).isEqualTo(1); // -1; the bins are 1/32 wide
    assertThat(before.get(3)).isEqualTo(1); // -0.9
    assertThat(before.get(32)).isEqualTo(2); // 0 and 0.01
    assertThat(before.getLast()).isEqualTo(2); // 0.97 and 1
    // restricted to -1, 0, 1 with scale 1: halves go to the even 0
    assertThat(details.after().getFirst()).isEqualTo(2);
    assertThat(details.after().get(32)).isEqualTo(4);
    assertThat(details.after().getLast()).isEqualTo(2);
  }

  @Test
  void equalWeightsHaveNoTailsAndZerosNoWidth() {
    WeightDetails equal = details(new float[] {2, 2, 2, 2}, 2, 2, "int8:sym:channel");
    assertThat(equal.deviation()).isZero();
    assertThat(equal.kurtosis()).isZero();
    assertThat(equal.outliers()).isZero();
    WeightDetails zeros = details(new float[4], 2, 2, "int8:sym:channel");
    assertThat(zeros.limit()).isZero();
    assertThat(zeros.before().get(WeightDetails.BINS / 2)).isEqualTo(4);
    assertThat(zeros.after()).isEqualTo(zeros.before());
  }

  @Test
  void aRecorderChangesNothingAndKeepsWhatItSaw() {
    try (Arena arena = Arena.ofShared()) {
      HostTensor weight = tensor(normal(64 * 32), 64, 32, arena);
      Scheme scheme = Scheme.parse("nf4:group=64:double");
      WeightRecorder recorder = new WeightRecorder(WeightQuantizer.roundToNearest());
      QuantizedTensor recorded = recorder.quantize("a.b", weight, scheme, arena);
      QuantizedTensor plain =
          WeightQuantizer.roundToNearest().quantize("a.b", weight, scheme, arena);
      MemorySegment one = arena.allocate(4 * weight.elements(), 4);
      MemorySegment other = arena.allocate(4 * weight.elements(), 4);
      recorded.dequantize(DType.F32, one);
      plain.dequantize(DType.F32, other);
      assertThat(one.mismatch(other)).isEqualTo(-1);
      assertThat(recorder.details()).containsOnlyKeys("a.b");
      WeightDetails kept = Objects.requireNonNull(recorder.details().get("a.b"));
      assertThat(kept.count()).isEqualTo(64 * 32);
      assertThat(kept.seconds()).isPositive();
    }
  }

  private static WeightDetails details(float[] weights, int rows, int columns, String scheme) {
    try (Arena arena = Arena.ofShared()) {
      HostTensor weight = tensor(weights, rows, columns, arena);
      QuantizedTensor quantized = Quantizer.quantize("w", weight, Scheme.parse(scheme), arena);
      return WeightDetails.of("w", weight, quantized, 0);
    }
  }

  private static HostTensor tensor(float[] weights, int rows, int columns, Arena arena) {
    MemorySegment data = arena.allocate(4L * weights.length, 64);
    MemorySegment.copy(weights, 0, data, HostTensor.F32_LAYOUT, 0, weights.length);
    return new HostTensor(DType.F32, Shape.of(rows, columns), data);
  }

  private static float[] normal(int count) {
    Random random = new Random(3);
    float[] weights = new float[count];
    for (int i = 0; i < count; i++) {
      weights[i] = (float) random.nextGaussian();
    }
    return weights;
  }
}
