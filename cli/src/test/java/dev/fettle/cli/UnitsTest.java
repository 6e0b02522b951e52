package dev.fettle.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.tensor.UserException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class UnitsTest {
  @ParameterizedTest
  @CsvSource({
    "0, 0 B",
    "999, 999 B",
    "1000, 1.00 kB",
    "9994, 9.99 kB",
    "9996, 10.0 kB",
    "412345, 412 kB",
    "999600, 1.00 MB",
    "1210000000, 1.21 GB",
    "2200000000000, 2.20 TB"
  })
  void bytesHaveThreeSignificantDigits(long bytes, String text) {
    assertThat(Units.bytes(bytes)).isEqualTo(text);
  }

  @ParameterizedTest
  @CsvSource({
    "0.5, 0.50 s",
    "41.4, 41 s",
    "59.6, 1 min 00 s",
    "192, 3 min 12 s",
    "7500, 2 h 05 min"
  })
  void durationsAreShort(double seconds, String text) {
    assertThat(Units.duration(seconds)).isEqualTo(text);
  }

  @ParameterizedTest
  @CsvSource({
    "4096,4096",
    "800MB,800000000",
    "1.5 GB,1500000000",
    "2GiB,2147483648",
    "1mib,1048576"
  })
  void sizesAsPeopleTypeThem(String text, long bytes) {
    assertThat(Units.parseBytes(text)).isEqualTo(bytes);
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "0GB", "8 boxes", "-1GB", "GB"})
  void whatIsNoSizeIsRefused(String text) {
    assertThatThrownBy(() -> Units.parseBytes(text))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("is no size");
  }
}
