package dev.fettle.model;

import org.jspecify.annotations.Nullable;

/// The documents packed into sequences, told by where they start. Each has positions from 0 and
/// sees nothing of the others; padding on the right belongs to the last.
final class Documents {
  private Documents() {}

  /// @param starts per sequence the first places of its documents
  /// @throws IllegalArgumentException if they do not ascend from 0 within `length`
  static void check(int[][] starts, int batch, int length) {
    if (starts.length != batch) {
      throw new IllegalArgumentException(
          "documents of %d sequences for a batch of %d".formatted(starts.length, batch));
    }
    for (int[] row : starts) {
      int before = -1;
      for (int start : row) {
        if (start <= before || start >= length) {
          throw new IllegalArgumentException(
              "documents must start at ascending places below %d, found %d after %d"
                  .formatted(length, start, before));
        }
        before = start;
      }
      if (row.length == 0 || row[0] != 0) {
        throw new IllegalArgumentException("the first document must start at 0");
      }
    }
  }

  /// Tokens of the longest document.
  static int longest(int @Nullable [][] starts, int length) {
    if (starts == null) {
      return length;
    }
    int longest = 0;
    for (int[] row : starts) {
      for (int i = 0; i < row.length; i++) {
        int end = i + 1 < row.length ? row[i + 1] : length;
        longest = Math.max(longest, end - row[i]);
      }
    }
    return longest;
  }
}
