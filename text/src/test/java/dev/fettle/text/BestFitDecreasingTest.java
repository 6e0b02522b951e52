package dev.fettle.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BestFitDecreasingTest {

  /// The example in the documentation of TRL's `pack_dataset`.
  @Test
  void theExampleOfTrl() {
    BestFitDecreasing packed = pack(new int[] {4, 2, 3, 1}, 4);
    assertThat(packed.order()).containsExactly(0, 2, 3, 1);
    assertThat(packed.rowStarts()).containsExactly(0, 1, 3, 4);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5})
  void itIsWhatTheDefinitionGives(long seed) {
    Random random = new Random(seed);
    int size = 1 + random.nextInt(40);
    int[] lengths = random.ints(200, 1, size + 1).toArray();
    BestFitDecreasing packed = pack(lengths, size);
    List<List<Integer>> rows = new ArrayList<>();
    for (int row = 0; row + 1 < packed.rowStarts().length; row++) {
      rows.add(
          Arrays.stream(packed.order(), packed.rowStarts()[row], packed.rowStarts()[row + 1])
              .boxed()
              .toList());
    }
    assertThat(rows).isEqualTo(definition(lengths, size));
  }

  /// Best-fit decreasing as it is defined, one look at every row for every sample. Among rows with
  /// the same space the one takes it that has had this space for longest.
  private static List<List<Integer>> definition(int[] lengths, int size) {
    List<List<Integer>> rows = new ArrayList<>();
    List<Integer> spaces = new ArrayList<>();
    List<Integer> since = new ArrayList<>();
    int time = 0;
    for (int sample :
        IntStream.range(0, lengths.length)
            .boxed()
            .sorted((a, b) -> lengths[b] - lengths[a])
            .toList()) {
      int best = -1;
      for (int row = 0; row < rows.size(); row++) {
        boolean fits = spaces.get(row) >= lengths[sample];
        if (fits
            && (best < 0
                || spaces.get(row) < spaces.get(best)
                || spaces.get(row).equals(spaces.get(best)) && since.get(row) < since.get(best))) {
          best = row;
        }
      }
      if (best < 0) {
        best = rows.size();
        rows.add(new ArrayList<>());
        spaces.add(size);
        since.add(0);
      }
      rows.get(best).add(sample);
      spaces.set(best, spaces.get(best) - lengths[sample]);
      since.set(best, time++);
    }
    return rows;
  }

  private static BestFitDecreasing pack(int[] lengths, int size) {
    return BestFitDecreasing.of(lengths, IntStream.range(0, lengths.length).toArray(), size);
  }
}
