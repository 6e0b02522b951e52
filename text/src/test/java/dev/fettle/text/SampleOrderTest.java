package dev.fettle.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.tensor.UserException;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SampleOrderTest {

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 15, 16, 17, 1000, 65536, 65537})
  void everyEpochHoldsEachSampleOnce(int size) {
    SampleOrder order = new ShuffledOrder(size, 7);
    for (long epoch : new long[] {0, 1, 1_000_000_007L}) {
      assertThat(
              LongStream.range(epoch * size, (epoch + 1) * size)
                  .mapToInt(order::at)
                  .sorted()
                  .toArray())
          .isEqualTo(IntStream.range(0, size).toArray());
    }
  }

  /// A changed order would make old runs impossible to resume or repeat.
  @Test
  void theOrderIsFixedForever() {
    assertThat(IntStream.range(0, 10).map(new ShuffledOrder(10, 1)::at))
        .containsExactly(8, 2, 9, 7, 5, 6, 3, 0, 4, 1);
  }

  @Test
  void seedsAndEpochsDiffer() {
    SampleOrder order = new ShuffledOrder(100, 1);
    int[] first = IntStream.range(0, 100).map(order::at).toArray();
    assertThat(first).isNotEqualTo(IntStream.range(100, 200).map(order::at).toArray());
    assertThat(first)
        .isNotEqualTo(IntStream.range(0, 100).map(new ShuffledOrder(100, 2)::at).toArray());
  }

  /// Each of the 6 orders of 3 samples comes up in a sixth of the epochs, within five standard
  /// deviations of a binomial with n = 60000: 5 * sqrt(60000 * 1/6 * 5/6) = 457.
  @Test
  void allOrdersAreAsLikely() {
    SampleOrder order = new ShuffledOrder(3, 42);
    int[] counts = new int[27];
    for (long epoch = 0; epoch < 60_000; epoch++) {
      counts[9 * order.at(3 * epoch) + 3 * order.at(3 * epoch + 1) + order.at(3 * epoch + 2)]++;
    }
    assertThat(IntStream.of(counts).filter(n -> n > 0).count()).isEqualTo(6);
    IntStream.of(counts)
        .filter(n -> n > 0)
        .forEach(n -> assertThat(n).isCloseTo(10_000, within(457)));
  }

  @Test
  void splitsAreDisjointAndComplete() {
    Dataset dataset = numbered(10);
    Split split = Split.trainValidation(dataset, 0.2, 3);
    assertThat(split.validation().size()).isEqualTo(2);
    assertThat(IntStream.concat(firsts(split.train()), firsts(split.validation())).sorted())
        .containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    assertThat(firsts(split.train()).toArray()).isSorted();
    assertThatThrownBy(() -> Split.trainValidation(dataset, 10, 3))
        .isInstanceOf(UserException.class);
    assertThatThrownBy(() -> Split.trainValidation(dataset, 1.5, 3))
        .isInstanceOf(UserException.class);
    assertThat(Split.trainValidation(dataset, 0.001, 3).validation().size()).isEqualTo(1);
  }

  @Test
  void batchesArePaddedOnTheRightWithoutLoss() {
    Dataset dataset =
        Dataset.of(
            List.of(
                Sample.unmasked(new int[] {5, 6, 7}),
                new Sample(new int[] {8, 9}, new int[] {Sample.IGNORE, 9}),
                Sample.unmasked(new int[] {3, 4})));
    Batches batches = new Batches(dataset, new SequentialOrder(3), 2, 0);
    TokenBatch first = batches.at(0);
    assertThat(first.ids()).isDeepEqualTo(new int[][] {{5, 6, 7}, {8, 9, 0}});
    assertThat(first.labels()).isDeepEqualTo(new int[][] {{5, 6, 7}, {-100, 9, -100}});
    assertThat(first.targetTokens()).isEqualTo(3);
    assertThat(batches.at(1).ids()).isDeepEqualTo(new int[][] {{3, 4, 0}, {5, 6, 7}});
    List<TokenBatch> pass = batches.onePass().toList();
    assertThat(pass).hasSize(2);
    assertThat(pass.get(1).ids()).isDeepEqualTo(new int[][] {{3, 4}});
  }

  private static Dataset numbered(int size) {
    return Dataset.of(
        IntStream.range(0, size).mapToObj(i -> Sample.unmasked(new int[] {i, i})).toList());
  }

  private static IntStream firsts(Dataset dataset) {
    return IntStream.range(0, dataset.size()).map(i -> dataset.get(i).ids()[0]);
  }
}
