package dev.fettle.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PackingTest {
  private static final int LENGTH = 12;

  @Test
  void aRowHoldsWholeSamplesThatDoNotPredictEachOther() {
    Dataset dataset =
        Dataset.of(
            List.of(
                Sample.unmasked(new int[] {1, 2, 3}),
                new Sample(new int[] {4, 5}, new int[] {-100, 5}),
                Sample.unmasked(new int[] {6, 7, 8, 9})));
    Dataset packed = dataset.packed(PackingStrategy.BFD, 5, 0);
    assertThat(packed.size()).isEqualTo(2);
    Sample first = packed.get(0);
    assertThat(first.ids()).containsExactly(6, 7, 8, 9);
    assertThat(first.starts()).containsExactly(0);
    Sample second = packed.get(1);
    assertThat(second.ids()).containsExactly(1, 2, 3, 4, 5);
    assertThat(second.labels()).containsExactly(-100, 2, 3, -100, 5);
    assertThat(second.starts()).containsExactly(0, 3);
    TokenBatch batch = TokenBatch.of(List.of(first, second), 0);
    assertThat(batch.starts()).isDeepEqualTo(new int[][] {{0}, {0, 3}});
    TokenBatch unpacked = batch.unpacked(0);
    assertThat(unpacked.starts()).isNull();
    assertThat(unpacked.ids())
        .isDeepEqualTo(new int[][] {{6, 7, 8, 9, 0}, {1, 2, 3, 0, 0}, {4, 5, 0, 0, 0}});
    assertThat(unpacked.targetTokens()).isEqualTo(batch.targetTokens()).isEqualTo(6);
  }

  @Test
  void everyTokenIsThereOnceAndTheTargetsStay() {
    Dataset dataset = random();
    Dataset bfd = dataset.packed(PackingStrategy.BFD, LENGTH, 3);
    Dataset wrapped = dataset.packed(PackingStrategy.WRAPPED, LENGTH, 3);
    assertThat(tokens(bfd)).containsExactlyInAnyOrderElementsOf(tokens(dataset));
    assertThat(targets(bfd)).isEqualTo(targets(dataset));
    assertThat(bfd.size()).isLessThan(dataset.size());
    assertThat(tokens(dataset)).containsAll(tokens(wrapped));
    for (int row = 0; row < wrapped.size(); row++) {
      assertThat(wrapped.get(row).length())
          .isEqualTo(wrapped.length(row))
          .isLessThanOrEqualTo(LENGTH);
      assertThat(wrapped.get(row).targetTokens()).isPositive();
      assertThat(wrapped.get(row).starts()).isNull();
    }
    for (int row = 0; row < bfd.size(); row++) {
      assertThat(bfd.get(row).length()).isEqualTo(bfd.length(row)).isLessThanOrEqualTo(LENGTH);
    }
  }

  @Test
  void wrappedRowsAreTheSamplesOneAfterAnother() {
    Dataset dataset =
        Dataset.of(
            List.of(
                Sample.unmasked(new int[] {1, 2, 3}),
                Sample.unmasked(new int[] {4, 5, 6, 7, 8}),
                Sample.unmasked(new int[] {9})));
    Dataset wrapped = WrappedDataset.of(dataset, 4);
    assertThat(wrapped.size()).isEqualTo(2); // the last row has one token, which nothing predicts
    assertThat(wrapped.get(0).ids()).containsExactly(1, 2, 3, 4);
    assertThat(wrapped.get(1).labels()).containsExactly(5, 6, 7, 8);
  }

  @Test
  void rowsThatTeachNothingAreNotAmongTheWrapped() {
    int ignore = Sample.IGNORE;
    Dataset dataset =
        Dataset.of(
            List.of(
                new Sample(
                    new int[] {1, 2, 3, 4, 5}, new int[] {ignore, ignore, ignore, ignore, 5})));
    Dataset wrapped = WrappedDataset.of(dataset, 3);
    assertThat(wrapped.size()).isEqualTo(1);
    assertThat(wrapped.get(0).ids()).containsExactly(4, 5);
  }

  @Test
  void aBatchWithNothingToLearnNamesItsRows() {
    Dataset dataset =
        Dataset.of(
            List.of(
                new Sample(new int[] {1, 2}, new int[] {Sample.IGNORE, Sample.IGNORE}),
                new Sample(new int[] {3}, new int[] {3}),
                Sample.unmasked(new int[] {4, 5})));
    Batches batches = new Batches(dataset, new SequentialOrder(3), 2, 0);
    assertThatThrownBy(() -> batches.at(0))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("A batch has nothing to learn")
        .hasMessageContaining("sample 0, sample 1");
    assertThat(batches.at(1).targetTokens()).isEqualTo(1);
    assertThat(batches.tokens(0)).isEqualTo(3);
  }

  @Test
  void strategiesAreNamedAsInTrl() {
    assertThat(PackingStrategy.parse("bfd")).isEqualTo(PackingStrategy.BFD);
    assertThatThrownBy(() -> PackingStrategy.parse("ffd"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("bfd or wrapped");
  }

  private static Dataset random() {
    Random random = new Random(5);
    List<Sample> samples = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      int[] ids = random.ints(2 + random.nextInt(LENGTH - 1), 0, 1000).toArray();
      int[] labels = ids.clone();
      Arrays.fill(labels, 0, random.nextInt(ids.length - 1), Sample.IGNORE);
      samples.add(new Sample(ids, labels));
    }
    return Dataset.of(samples);
  }

  private static List<Integer> tokens(Dataset dataset) {
    List<Integer> tokens = new ArrayList<>();
    for (int i = 0; i < dataset.size(); i++) {
      Arrays.stream(dataset.get(i).ids()).forEach(tokens::add);
    }
    return tokens;
  }

  private static long targets(Dataset dataset) {
    long count = 0;
    for (int i = 0; i < dataset.size(); i++) {
      count += Objects.requireNonNull(dataset.get(i)).targetTokens();
    }
    return count;
  }
}
