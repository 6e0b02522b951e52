package dev.fettle.text;

import java.util.Arrays;
import java.util.BitSet;

/// Lengths into rows of a fixed size: the longest first, each into the row that it fills best, a
/// new one if it fits into none. Needs n log(row size) steps and four ints per length.
///
/// Johnson, Demers, Ullman, Garey and Graham, "Worst-Case Performance Bounds for Simple
/// One-Dimensional Packing Algorithms", SIAM J. Comput. 3 (1974): at most 11/9 of the fewest rows
/// possible, plus 4. Of rows that are equally full the oldest is taken, as TRL's `pack_dataset`
/// does.
///
/// @param order of the samples, row by row
/// @param rowStarts where in `order` each row begins, and the end of the last
@SuppressWarnings("ArrayRecordComponent") // never compared
record BestFitDecreasing(int[] order, int[] rowStarts) {

  /// @param lengths of the samples, each from 1 to `size`
  /// @param first the order in which equally long samples are taken
  static BestFitDecreasing of(int[] lengths, int[] first, int size) {
    int[] decreasing = decreasing(lengths, first, size);
    Rows rows = new Rows(size, lengths.length);
    int[] rowOf = new int[lengths.length];
    for (int sample : decreasing) {
      rowOf[sample] = rows.take(lengths[sample]);
    }
    int[] starts = new int[rows.count + 1];
    for (int row : rowOf) {
      starts[row + 1]++;
    }
    for (int row = 0; row < rows.count; row++) {
      starts[row + 1] += starts[row];
    }
    int[] next = Arrays.copyOf(starts, rows.count);
    int[] order = new int[lengths.length];
    for (int sample : decreasing) {
      order[next[rowOf[sample]]++] = sample;
    }
    return new BestFitDecreasing(order, starts);
  }

  /// A counting sort, which keeps `first` among equals.
  private static int[] decreasing(int[] lengths, int[] first, int size) {
    int[] starts = new int[size + 1];
    for (int length : lengths) {
      if (length < 1 || length > size) {
        throw new IllegalArgumentException("length " + length + " in rows of " + size);
      }
      if (length > 1) {
        starts[size - length + 1]++;
      }
    }
    // starts[k] counts the samples of length size - k + 1; longer ones come before
    for (int k = 1; k <= size; k++) {
      starts[k] += starts[k - 1];
    }
    int[] sorted = new int[lengths.length];
    for (int sample : first) {
      sorted[starts[size - lengths[sample]]++] = sample;
    }
    return sorted;
  }

  /// Open rows by the space they have left; those of equal space wait in a queue.
  private static final class Rows {
    private final int size;
    private final BitSet spaces;
    private final int[] head;
    private final int[] tail;
    private final int[] next;
    private int count;

    Rows(int size, int most) {
      this.size = size;
      spaces = new BitSet(size + 1);
      head = new int[size + 1];
      tail = new int[size + 1];
      next = new int[most];
    }

    /// @return the row that takes `length`
    int take(int length) {
      int space = spaces.nextSetBit(length);
      int row;
      if (space < 0) {
        row = count++;
        space = size;
      } else {
        row = head[space];
        if (row == tail[space]) {
          spaces.clear(space);
        } else {
          head[space] = next[row];
        }
      }
      put(row, space - length);
      return row;
    }

    private void put(int row, int space) {
      if (space == 0) {
        return;
      }
      if (spaces.get(space)) {
        next[tail[space]] = row;
      } else {
        head[space] = row;
        spaces.set(space);
      }
      tail[space] = row;
    }
  }
}
