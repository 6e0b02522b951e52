package dev.fettle.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class LengthStatisticsTest {

  /// Nearest-rank percentiles of 1 to 200: the least length that is not below that share.
  @Test
  void percentilesAreLengthsThatOccur() {
    LengthStatistics lengths = LengthStatistics.of(IntStream.rangeClosed(1, 200).toArray());
    assertThat(lengths.min()).isEqualTo(1);
    assertThat(lengths.mean()).isEqualTo(100.5);
    assertThat(lengths.p50()).isEqualTo(100);
    assertThat(lengths.p90()).isEqualTo(180);
    assertThat(lengths.p99()).isEqualTo(198);
    assertThat(lengths.max()).isEqualTo(200);
    assertThat(lengths.histogram())
        .contains(new LengthStatistics.Bin(1, 1, 1), new LengthStatistics.Bin(128, 255, 73))
        .extracting(LengthStatistics.Bin::count)
        .containsExactly(1, 2, 4, 8, 16, 32, 64, 73);
  }

  @Test
  void oneLengthIsAllOfThem() {
    LengthStatistics lengths = LengthStatistics.of(new int[] {0, 7});
    assertThat(lengths.p50()).isZero();
    assertThat(lengths.p90()).isEqualTo(7);
    assertThat(lengths.histogram())
        .containsExactly(new LengthStatistics.Bin(0, 0, 1), new LengthStatistics.Bin(4, 7, 1));
  }
}
