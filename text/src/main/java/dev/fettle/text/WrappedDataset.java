package dev.fettle.text;

import java.util.Arrays;
import java.util.stream.IntStream;

/// Samples one after another, cut into rows of equal length.
///
/// @param order of the samples
/// @param ends for each place in `order` the tokens up to there
/// @param rows which rows have something to learn, by number
/// @param seqLength tokens of a row; the last may have fewer
@SuppressWarnings("ArrayRecordComponent") // never compared
record WrappedDataset(Dataset from, int[] order, long[] ends, int[] rows, int seqLength)
    implements Dataset {

  static WrappedDataset of(Dataset from, int[] order, int seqLength) {
    long[] ends = new long[order.length];
    long tokens = 0;
    for (int i = 0; i < order.length; i++) {
      tokens += from.length(order[i]);
      ends[i] = tokens;
    }
    int count = Math.toIntExact((tokens + seqLength - 1) / seqLength);
    WrappedDataset all =
        new WrappedDataset(from, order, ends, IntStream.range(0, count).toArray(), seqLength);
    Ints rows = new Ints();
    for (int row = 0; row < count; row++) {
      if (all.get(row).targetTokens() > 0) {
        rows.add(row);
      }
    }
    return new WrappedDataset(from, order, ends, rows.toArray(), seqLength);
  }

  @Override
  public int size() {
    return rows.length;
  }

  @Override
  public Sample get(int index) {
    long start = (long) rows[index] * seqLength;
    int[] ids = new int[length(index)];
    int[] labels = new int[ids.length];
    int at = 0;
    for (int place = place(start); at < ids.length; place++) {
      Sample sample = from.get(order[place]);
      int skip = (int) (start + at - (ends[place] - sample.length()));
      int count = Math.min(sample.length() - skip, ids.length - at);
      System.arraycopy(sample.ids(), skip, ids, at, count);
      System.arraycopy(sample.labels(), skip, labels, at, count);
      at += count;
    }
    return new Sample(ids, labels);
  }

  /// Which place in `order` holds this token.
  private int place(long token) {
    int found = Arrays.binarySearch(ends, token + 1);
    return found < 0 ? -found - 1 : found;
  }

  @Override
  public int length(int index) {
    long start = (long) rows[index] * seqLength;
    return (int) Math.min(seqLength, ends[ends.length - 1] - start);
  }

  @Override
  public String origin(int index) {
    return from.origin(order[place((long) rows[index] * seqLength)]) + " and what follows it";
  }

  /// Of the samples, before they were packed.
  @Override
  public DatasetSummary summary() {
    return from.summary();
  }
}
