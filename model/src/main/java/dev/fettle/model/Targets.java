package dev.fettle.model;

import java.util.stream.LongStream;

/// The positions that count in a loss: the flattened row of the prediction, and the id it should
/// give.
///
/// @param rows indices into `[batch · length]`
/// @param ids the label one position further on
record Targets(long[] rows, long[] ids) {
  /// Label of a position that does not count, as in PyTorch.
  static final int IGNORE = -100;

  int count() {
    return rows.length;
  }

  static Targets of(int[][] labels) {
    LongStream.Builder rows = LongStream.builder();
    LongStream.Builder ids = LongStream.builder();
    for (int b = 0; b < labels.length; b++) {
      int[] row = labels[b];
      for (int t = 1; t < row.length; t++) {
        if (row[t] != IGNORE) {
          rows.add((long) b * row.length + t - 1);
          ids.add(row[t]);
        }
      }
    }
    return new Targets(rows.build().toArray(), ids.build().toArray());
  }
}
