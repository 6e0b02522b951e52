package dev.fettle.quantize;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NearestNameTest {
  @ParameterizedTest
  @CsvSource({
    "kitten, sitting, 3",
    "asim, asym, 1",
    "int9, int8, 1",
    "groups, group, 1",
    "ab, ba, 1",
    "'', abc, 3",
    "INT8, int8, 0"
  })
  void countsSteps(String from, String to, int distance) {
    assertThat(NearestName.distance(from, to)).isEqualTo(distance);
    assertThat(NearestName.distance(to, from)).isEqualTo(distance);
  }

  @Test
  void onlySomethingNearIsSuggested() {
    List<String> names = List.of("channel", "tensor", "token");
    assertThat(NearestName.of("chanel", names)).contains("channel");
    assertThat(NearestName.of("zzzzzzzz", names)).isEmpty();
    assertThat(NearestName.nearest("zzzzzzzz", names)).isPresent();
  }
}
