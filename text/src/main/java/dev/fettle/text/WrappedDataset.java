package dev.fettle.text;

import java.util.Arrays;

/// All samples one after another, in their order, cut into rows of equal length wherever that
/// falls.
///
/// @param ends for each sample the tokens up to its end
/// @param rows which rows have something to learn, by number
/// @param seqLength tokens of a row; the last may have fewer
@SuppressWarnings("ArrayRecordComponent") // never compared
record WrappedDataset(Dataset from, long[] ends, int[] rows, int seqLength) implements Dataset {

  static WrappedDataset of(Dataset from, int seqLength) {
    long[] ends = new long[from.size()];
    long token = 0;
    Ints rows = new Ints();
    long last = -1;
    for (int i = 0; i < ends.length; i++) {
      for (int label : from.get(i).labels()) {
        long row = token / seqLength;
        // Nothing predicts the first token of a row.
        if (label != Sample.IGNORE && row != last && token % seqLength != 0) {
          rows.add(Math.toIntExact(row));
          last = row;
        }
        token++;
      }
      ends[i] = token;
    }
    return new WrappedDataset(from, ends, rows.toArray(), seqLength);
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
      Sample sample = from.get(place);
      int skip = (int) (start + at - (ends[place] - sample.length()));
      int count = Math.min(sample.length() - skip, ids.length - at);
      System.arraycopy(sample.ids(), skip, ids, at, count);
      System.arraycopy(sample.labels(), skip, labels, at, count);
      at += count;
    }
    return new Sample(ids, labels);
  }

  /// Which sample holds this token.
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
    return from.origin(place((long) rows[index] * seqLength)) + " and what follows it";
  }

  /// Of the samples, before they were packed.
  @Override
  public DatasetSummary summary() {
    return from.summary();
  }
}
