package dev.fettle.quantize.observe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.quantize.AffineGrid;
import dev.fettle.quantize.Symmetry;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RangeStatisticsTest {
  private static final AffineGrid INT8 = new AffineGrid(8, true, Symmetry.SYMMETRIC);

  @Test
  void mergingIsReadingOneAfterTheOther() {
    RangeStatistics whole = new RangeStatistics();
    RangeStatistics first = new RangeStatistics();
    RangeStatistics second = new RangeStatistics();
    for (int batch = 0; batch < 6; batch++) {
      float[] values = {batch, -0.5f * batch, 7f / (1 + batch), 1e-3f};
      whole.add(values);
      (batch < 4 ? first : second).add(values);
    }
    second.addNotFinite(1, 2);
    whole.addNotFinite(1, 2);
    first.merge(second);
    assertThat(first.count()).isEqualTo(whole.count()).isEqualTo(24);
    assertThat(first.nan()).isEqualTo(1);
    assertThat(first.infinite()).isEqualTo(2);
    assertThat(first.histogram()).isEqualTo(whole.histogram());
    assertThat(first.batches()).isEqualTo(whole.batches());
    assertThat(first.movingRange(0.01f)).isEqualTo(whole.movingRange(0.01f));
  }

  @Test
  void withoutNumbersThereIsNoRange() {
    RangeStatistics none = new RangeStatistics();
    none.add(new float[0]);
    assertThatThrownBy(none::range).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> none.movingRange(0.5f)).isInstanceOf(IllegalStateException.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"min-max", "moving-average:0.5", "percentile:99", "entropy", "mse"})
  void constantNumbersHaveTheirRange(String observer) {
    RangeStatistics zeros = new RangeStatistics();
    zeros.add(new float[300]);
    assertThat(Observer.parse(observer).range(zeros, INT8)).isEqualTo(new Range(0, 0));
    RangeStatistics threes = new RangeStatistics();
    float[] values = new float[300];
    Arrays.fill(values, 3);
    threes.add(values);
    assertThat(Observer.parse(observer).range(threes, INT8)).isEqualTo(new Range(3, 3));
  }
}
