package dev.fettle.text;

import java.util.Arrays;
import java.util.stream.IntStream;

/// Several whole samples per row, each a document of its own.
record PackedDataset(Dataset from, BestFitDecreasing rows) implements Dataset {

  /// @param seqLength tokens of a row; for whole samples at least those of the longest
  static Dataset of(Dataset from, PackingStrategy strategy, int seqLength, long seed) {
    return switch (strategy) {
      case BFD -> {
        ShuffledOrder shuffled = new ShuffledOrder(from.size(), seed);
        int[] order = IntStream.range(0, from.size()).map(shuffled::at).toArray();
        int[] lengths = IntStream.range(0, from.size()).map(from::length).toArray();
        yield new PackedDataset(from, BestFitDecreasing.of(lengths, order, seqLength));
      }
      case WRAPPED -> WrappedDataset.of(from, seqLength);
    };
  }

  @Override
  public int size() {
    return rows.rowStarts().length - 1;
  }

  @Override
  public Sample get(int index) {
    int first = rows.rowStarts()[index];
    int count = rows.rowStarts()[index + 1] - first;
    int[] ids = new int[length(index)];
    int[] labels = new int[ids.length];
    int[] starts = new int[count];
    int at = 0;
    for (int i = 0; i < count; i++) {
      Sample sample = from.get(rows.order()[first + i]);
      starts[i] = at;
      System.arraycopy(sample.ids(), 0, ids, at, sample.length());
      System.arraycopy(sample.labels(), 0, labels, at, sample.length());
      labels[at] = Sample.IGNORE;
      at += sample.length();
    }
    return new Sample(ids, labels, starts);
  }

  @Override
  public int length(int index) {
    return Arrays.stream(rows.order(), rows.rowStarts()[index], rows.rowStarts()[index + 1])
        .map(from::length)
        .sum();
  }

  @Override
  public String origin(int index) {
    return from.origin(rows.order()[rows.rowStarts()[index]]) + " and what is packed with it";
  }

  /// Of the samples, before they were packed.
  @Override
  public DatasetSummary summary() {
    return from.summary();
  }
}
