package dev.fettle.engine;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Which keys each query of some sequences may see: a range that ends with its own key and begins
/// where its document or its window does.
final class VisibleKeys {
  private final int start;
  private final int window;
  private final int @Nullable [][] documentStart;

  /// @param start place of the first query among the keys
  /// @param starts per sequence the first places of its documents, ascending from 0; null where
  ///   each is one document
  /// @param length queries of a sequence
  VisibleKeys(int start, int window, int @Nullable [][] starts, int length) {
    this.start = start;
    this.window = window;
    this.documentStart = starts == null ? null : spread(starts, length);
  }

  private static int[][] spread(int[][] starts, int length) {
    int[][] of = new int[starts.length][length];
    for (int row = 0; row < starts.length; row++) {
      for (int i = 0; i < starts[row].length; i++) {
        int end = i + 1 < starts[row].length ? starts[row][i + 1] : length;
        Arrays.fill(of[row], starts[row][i], end, starts[row][i]);
      }
    }
    return of;
  }

  /// The first key that query `i` of sequence `row` sees; it grows with `i`.
  int from(int row, int i) {
    int first = Math.max(0, to(i) - window);
    return documentStart == null ? first : Math.max(first, documentStart[row][i]);
  }

  /// The key after the last that query `i` sees.
  int to(int i) {
    return start + i + 1;
  }
}
