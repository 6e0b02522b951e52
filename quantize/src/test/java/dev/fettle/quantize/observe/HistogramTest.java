package dev.fettle.quantize.observe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import org.junit.jupiter.api.Test;

class HistogramTest {
  @Test
  void countsDoNotDependOnOrderNorOnHowTheNumbersWereSplit() {
    Random random = new Random(3);
    float[] values = new float[10_000];
    float[] reversed = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (random.nextGaussian() * Math.pow(2, random.nextInt(-20, 20)));
      reversed[values.length - 1 - i] = values[i];
    }
    Histogram whole = histogram(values, 0, values.length);
    Histogram other = new Histogram();
    for (int from = 0; from < reversed.length; from += 777) {
      other.merge(histogram(reversed, from, Math.min(reversed.length, from + 777)));
    }
    assertThat(other).isEqualTo(whole);
    assertThat(whole.count()).isEqualTo(values.length);
  }

  @Test
  void theLargestMagnitudeIsInTheUpperHalf() {
    for (float largest : new float[] {1, 0.999f, 1.001f, 3e-34f, Float.MAX_VALUE, 2048, 2047.9f}) {
      Histogram histogram = histogram(new float[] {-largest}, 0, 1);
      assertThat(histogram.negative()).as("%s", largest).hasSizeBetween(1025, 2048);
      int bin = histogram.negative().length - 1;
      assertThat((double) largest)
          .isBetween(bin * histogram.width(), Math.nextDown((bin + 1) * histogram.width()));
    }
  }

  @Test
  void zerosAndSubnormalsAreInTheFirstBin() {
    Histogram histogram = histogram(new float[] {0f, -0f, Float.MIN_VALUE, -Float.MIN_VALUE}, 0, 4);
    assertThat(histogram.positive()).containsExactly(3);
    assertThat(histogram.negative()).containsExactly(1);
  }

  @Test
  void edgesBelongToTheBinAbove() {
    Histogram histogram = new Histogram();
    histogram.fit(2047);
    histogram.add(new float[] {1f, Math.nextDown(2f), 2f, -1f}, 0, 4);
    assertThat(histogram.exponent()).isZero();
    assertThat(histogram.positive()).containsExactly(0, 2, 1);
    assertThat(histogram.negative()).containsExactly(0, 1);
  }

  @Test
  void growingAddsNeighbours() {
    Histogram histogram = Histogram.of(0, new long[] {1, 2, 3}, new long[] {4, 5, 6, 7, 8});
    histogram.fit(2048);
    assertThat(histogram.exponent()).isEqualTo(1);
    assertThat(histogram.negative()).containsExactly(3, 3);
    assertThat(histogram.positive()).containsExactly(9, 13, 8);
  }

  @Test
  void countsWhatLiesOutsideARange() {
    Histogram histogram = Histogram.of(0, new long[] {1, 2, 3}, new long[] {4, 5, 6, 7, 8});
    assertThat(histogram.outside(new Range(-3, 5))).isZero();
    assertThat(histogram.outside(new Range(-2, 4))).isEqualTo(3 + 8);
    assertThat(histogram.outside(new Range(-1.5f, 3.5f))).isEqualTo(3 + 8);
    assertThat(histogram.outside(new Range(0, 0))).isEqualTo(2 + 3 + 5 + 6 + 7 + 8);
  }

  @Test
  void notFiniteIsRefused() {
    assertThatThrownBy(() -> new Histogram().fit(Float.POSITIVE_INFINITY))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Histogram().fit(Float.NaN))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private static Histogram histogram(float[] values, int from, int to) {
    Histogram histogram = new Histogram();
    for (int i = from; i < to; i++) {
      histogram.fit(values[i]);
      histogram.add(values, i, i + 1);
    }
    return histogram;
  }
}
