package dev.fettle.calibrate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.quantize.NanPolicy;
import dev.fettle.quantize.observe.Histogram;
import dev.fettle.quantize.observe.Range;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.util.Random;
import org.junit.jupiter.api.Test;

class LayerStatisticsTest {
  private static final int ROWS = 301;
  private static final int CHANNELS = 1301; // several parts of columns, and of rows

  @Test
  void everyStatisticIsItsDefinition() {
    float[] x = numbers();
    LayerStatistics layer = new LayerStatistics("layer", CHANNELS);
    layer.add(HostTensor.of(x, ROWS, CHANNELS), NanPolicy.REFUSE);

    Histogram histogram = new Histogram();
    float[] absMax = new float[CHANNELS];
    double[] absSum = new double[CHANNELS];
    double[] squareSum = new double[CHANNELS];
    float min = 0;
    float max = 0;
    for (int i = 0; i < x.length; i++) {
      histogram.fit(x[i]);
      histogram.add(x, i, i + 1);
      min = Math.min(min, x[i]);
      max = Math.max(max, x[i]);
      absMax[i % CHANNELS] = Math.max(absMax[i % CHANNELS], Math.abs(x[i]));
      absSum[i % CHANNELS] += Math.abs(x[i]);
      squareSum[i % CHANNELS] += (double) x[i] * x[i];
    }
    for (int c = 0; c < CHANNELS; c++) {
      absSum[c] /= ROWS;
      squareSum[c] /= ROWS;
    }
    assertThat(layer.ranges().histogram()).isEqualTo(histogram);
    assertThat(layer.ranges().count()).isEqualTo(x.length);
    assertThat(layer.ranges().range()).isEqualTo(new Range(min, max));
    assertThat(layer.channels().absMax()).containsExactly(absMax);
    assertThat(layer.channels().meanAbs()).containsExactly(absSum);
    assertThat(layer.channels().meanSquare()).containsExactly(squareSum);
    assertThat(layer.channels().outliers(6)).containsExactly(77);
  }

  @Test
  void aNumberThatIsNotFiniteIsRefusedByName() {
    float[] x = numbers();
    x[5 * CHANNELS + 700] = Float.NaN;
    x[6 * CHANNELS + 1] = Float.NEGATIVE_INFINITY;
    LayerStatistics layer = new LayerStatistics("model.layers.0.mlp.up_proj", CHANNELS);
    assertThatThrownBy(() -> layer.add(HostTensor.of(x, ROWS, CHANNELS), NanPolicy.REFUSE))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("'model.layers.0.mlp.up_proj' has the value NaN at [5, 700]");
  }

  @Test
  void orItCountsAsZero() {
    float[] x = numbers();
    float[] zeroed = x.clone();
    x[5 * CHANNELS + 700] = Float.NaN;
    x[6 * CHANNELS + 1] = Float.NEGATIVE_INFINITY;
    zeroed[5 * CHANNELS + 700] = 0;
    zeroed[6 * CHANNELS + 1] = 0;
    LayerStatistics bad = new LayerStatistics("layer", CHANNELS);
    LayerStatistics good = new LayerStatistics("layer", CHANNELS);
    bad.add(HostTensor.of(x, ROWS, CHANNELS), NanPolicy.ZERO);
    good.add(HostTensor.of(zeroed, ROWS, CHANNELS), NanPolicy.REFUSE);
    assertThat(bad.ranges().nan()).isEqualTo(1);
    assertThat(bad.ranges().infinite()).isEqualTo(1);
    assertThat(bad.ranges().histogram()).isEqualTo(good.ranges().histogram());
    assertThat(bad.channels().meanSquare()).containsExactly(good.channels().meanSquare());
  }

  private static float[] numbers() {
    Random random = new Random(9);
    float[] x = new float[ROWS * CHANNELS];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) Math.clamp(random.nextGaussian(), -5, 5);
    }
    x[20 * CHANNELS + 77] = -17;
    return x;
  }
}
