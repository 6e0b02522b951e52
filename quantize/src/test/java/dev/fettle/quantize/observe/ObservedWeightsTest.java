package dev.fettle.quantize.observe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.quantize.AffineGrid;
import dev.fettle.quantize.AffineParameters;
import dev.fettle.quantize.QuantizedTensor;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.Symmetry;
import dev.fettle.quantize.TensorError;
import dev.fettle.quantize.WeightQuantizer;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ObservedWeightsTest {
  private static final int ROWS = 24;
  private static final int COLUMNS = 512;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "int4:sym:group=64",
        "int3:asym:group=128",
        "int4:sym:channel",
        "int4:asym:tensor",
        "int8:sym:channel",
        "uint4:sym:block=16x100",
        "int4:asym:channel=1"
      })
  void leastSquaresIsNoWorseThanTheFullRange(String scheme) {
    HostTensor weight = weights();
    double clipped = error(weight, "mse", scheme);
    double full = error(weight, "min-max", scheme);
    assertThat(clipped).isLessThanOrEqualTo(full);
    if (!scheme.startsWith("int8")) {
      assertThat(clipped).isLessThan(full); // heavy tails: clipping must pay
    }
  }

  @Test
  void leastSquaresIsTheBestOfItsCandidates() {
    float[] values = weights().toFloats();
    AffineGrid grid = new AffineGrid(4, true, Symmetry.SYMMETRIC);
    Range full = WeightRanges.full(values);
    double best = Double.POSITIVE_INFINITY;
    float share = 0;
    for (int step = 0; step < 80; step++) {
      float p = 1 - step / 100f;
      AffineParameters parameters = grid.parameters(p * full.min(), p * full.max());
      double sum = 0;
      for (float value : values) {
        float difference = parameters.dequantize(parameters.quantize(value, grid)) - value;
        sum += difference * difference;
      }
      if (sum < best) {
        best = sum;
        share = p;
      }
    }
    assertThat(WeightRanges.leastSquares(values, grid))
        .isEqualTo(new Range(full.min() * share, full.max() * share));
  }

  @Test
  void percentileKeepsItsShare() {
    float[] values = new float[1000];
    for (int i = 0; i < values.length; i++) {
      values[i] = i % 2 == 0 ? i + 1 : -i - 1; // magnitudes 1 to 1000
    }
    AffineGrid symmetric = new AffineGrid(8, true, Symmetry.SYMMETRIC);
    AffineGrid asymmetric = new AffineGrid(8, true, Symmetry.ASYMMETRIC);
    assertThat(WeightRanges.percentile(values, symmetric, 90).largest()).isEqualTo(900);
    assertThat(WeightRanges.percentile(values, symmetric, 100).largest()).isEqualTo(1000);
    assertThat(WeightRanges.percentile(values, asymmetric, 100)).isEqualTo(new Range(-1000, 999));
    assertThat(WeightRanges.percentile(values, asymmetric, 90)) // 50 at each end
        .isEqualTo(new Range(-900, 899));
  }

  @Test
  void percentileAndEntropyGiveUpAFewWeightsForTheOthers() {
    double full = meanMagnitude("min-max");
    assertThat(meanMagnitude("percentile:99")).isLessThan(full);
    assertThat(meanMagnitude("entropy")).isLessThan(full);
  }

  @Test
  void whatAnObserverCannotDoIsSaid() {
    assertThatThrownBy(() -> error(weights(), "entropy", "int4:sym:group=64"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("64 weights share a scale");
    assertThatThrownBy(() -> error(weights(), "mse", "nf4:group=64"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("nf4:group=64");
    float[] bad = weights().toFloats();
    bad[3 * COLUMNS + 5] = Float.NaN;
    assertThatThrownBy(() -> error(HostTensor.of(bad, ROWS, COLUMNS), "mse", "int4:sym:group=64"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("'layer.weight' has the value NaN at [3, 5]");
  }

  @Test
  void zerosStayZeros() {
    HostTensor zeros = HostTensor.of(new float[ROWS * COLUMNS], ROWS, COLUMNS);
    for (String observer : new String[] {"mse", "percentile", "entropy"}) {
      assertThat(error(zeros, observer, "int4:asym:channel")).isZero();
    }
  }

  /// Mostly small, a few large: as trained weights are.
  private static HostTensor weights() {
    Random random = new Random(12);
    float[] values = new float[ROWS * COLUMNS];
    for (int i = 0; i < values.length; i++) {
      double g = random.nextGaussian();
      values[i] = (float) (0.02 * g * Math.abs(g) * Math.abs(g));
    }
    return HostTensor.of(values, ROWS, COLUMNS);
  }

  private static double error(HostTensor weight, String observer, String scheme) {
    WeightQuantizer quantizer = new ObservedWeights(Observer.parse(observer));
    try (Arena arena = Arena.ofShared()) {
      QuantizedTensor quantized = quantizer.quantize("layer", weight, Scheme.parse(scheme), arena);
      return TensorError.of(weight, quantized).mse();
    }
  }

  /// Of the errors of 4 bits per channel.
  private static double meanMagnitude(String observer) {
    HostTensor weight = weights();
    float[] exact = weight.toFloats();
    float[] rounded = new float[exact.length];
    try (Arena arena = Arena.ofShared()) {
      MemorySegment out = arena.allocate(4L * rounded.length, 4);
      new ObservedWeights(Observer.parse(observer))
          .quantize("layer", weight, Scheme.parse("int4:sym:channel"), arena)
          .dequantize(DType.F32, out);
      MemorySegment.copy(out, HostTensor.F32_LAYOUT, 0, rounded, 0, rounded.length);
    }
    double sum = 0;
    for (int i = 0; i < exact.length; i++) {
      sum += Math.abs(exact[i] - rounded[i]);
    }
    return sum / exact.length;
  }
}
