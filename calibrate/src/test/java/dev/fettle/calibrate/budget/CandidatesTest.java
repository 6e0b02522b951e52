package dev.fettle.calibrate.budget;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CandidatesTest {
  @ParameterizedTest
  @CsvSource({
    "int4:asym:group=128, 256, true",
    "int4:asym:group=128, 192, false",
    "int8:sym:channel, 172, true",
    "fp8_e4m3:group=128, 192, false",
    "mxfp4, 96, true",
    "mxfp4, 48, false",
    "nvfp4, 48, true",
    "nvfp4, 172, false",
    "bfloat16, 172, true",
  })
  void aSchemeFitsIfItsGroupsDivideTheRows(String scheme, long columns, boolean fits) {
    assertThat(Candidates.fits(Scheme.parse(scheme), Shape.of(8, columns))).isEqualTo(fits);
  }

  @ParameterizedTest
  @ValueSource(strings = {"nf4:group=64", "fp4:group=64", "llm.int8", "q4_0", "int9"})
  void whatCannotBeMixedIsRefused(String scheme) {
    assertThatThrownBy(() -> Candidates.parse(List.of("int8:sym:channel", scheme)))
        .isInstanceOf(UserException.class);
  }

  @Test
  void repeatedCandidatesCountOnce() {
    assertThat(Candidates.parse(List.of("int8:sym:channel", " int8:sym:channel"))).hasSize(1);
    assertThat(Candidates.byDefault()).hasSize(3);
  }
}
