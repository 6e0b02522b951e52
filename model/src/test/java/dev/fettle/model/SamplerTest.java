package dev.fettle.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.tensor.UserException;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SamplerTest {
  @ParameterizedTest
  @ValueSource(doubles = {0, 0.7})
  void whatIsNoNumberIsNotPassedOver(double temperature) {
    Sampler sampler = new Sampler(new SamplingOptions(temperature, 0, 1, 1, 3));
    assertThat(sampler.next(new float[] {-40, 40, -40}, List.of())).isEqualTo(1);
    assertThatThrownBy(() -> sampler.next(new float[] {1, Float.NaN, 2}, List.of()))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("not numbers");
  }
}
