package dev.fettle.text;

import java.nio.file.Path;
import java.util.List;

/// Samples read from files.
///
/// @param places of each sample: the index of its file in the high 16 bits, the number of its row
///   in the rest
/// @param files as read
/// @param units per file what its rows are called
record StoredDataset(
    TokenStore store, Longs places, List<Path> files, List<String> units, DatasetSummary summary)
    implements Dataset {
  private static final int ROW_BITS = 48;

  static long place(int file, long row) {
    return (long) file << ROW_BITS | row;
  }

  @Override
  public int size() {
    return store.size();
  }

  @Override
  public Sample get(int index) {
    return store.get(index);
  }

  @Override
  public int length(int index) {
    return store.length(index);
  }

  @Override
  public String origin(int index) {
    long place = places.get(index);
    int file = (int) (place >>> ROW_BITS);
    long row = place & (1L << ROW_BITS) - 1;
    return files.get(file) + " " + units.get(file) + " " + row;
  }
}
