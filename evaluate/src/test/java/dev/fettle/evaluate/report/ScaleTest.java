package dev.fettle.evaluate.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ScaleTest {
  @ParameterizedTest
  @CsvSource({
    "0, 10, 0, 10",
    "0.13, 6.9, 0, 8",
    "3, 3, 3, 4",
    "-2, 5, -2, 6",
    "1e-7, 3e-7, 1e-7, 3e-7"
  })
  void linearScalesEndOnRoundNumbersAroundTheData(double min, double max, double low, double high) {
    Scale scale = Scale.over(min, max, 0, 100, false);

    assertThat(scale.low()).isCloseTo(low, within(1e-12));
    assertThat(scale.high()).isCloseTo(high, within(1e-12));
    assertThat(scale.ticks()).hasSizeBetween(2, 8).isSorted();
    assertThat(scale.at(scale.low())).isZero();
    assertThat(scale.at(scale.high())).isEqualTo(100);
  }

  @Test
  void logScaleHasTicksAtDecades() {
    Scale scale = Scale.over(1, 10_000, 0, 100, true);

    assertThat(scale.ticks()).containsExactly(1.0, 10.0, 100.0, 1000.0, 10_000.0);
    assertThat(scale.at(100)).isCloseTo(50, within(1e-9));
  }

  @ParameterizedTest
  @CsvSource({"0, 0", "1500, 1500", "25000, 25k", "2500000, 2.5M", "0.25, 0.25", "0.00002, 2e-05"})
  void labelsAreShort(double tick, String label) {
    assertThat(Scale.label(tick)).isEqualTo(label);
  }

  @ParameterizedTest
  @CsvSource({"1.0, 1", "100, 100", "0.126, 0.13", "-0.001, 0", "12.50, 12.5"})
  void coordinatesCarryNoNeedlessDigits(double value, String text) {
    assertThat(Markup.number(value)).isEqualTo(text);
  }
}
