package dev.fettle.text;

import java.util.Objects;

/// Some of the samples of another dataset.
///
/// @param indices which, in this order
@SuppressWarnings("ArrayRecordComponent") // never compared
record SelectedDataset(Dataset from, int[] indices) implements Dataset {
  SelectedDataset {
    for (int index : indices) {
      Objects.checkIndex(index, from.size());
    }
  }

  @Override
  public int size() {
    return indices.length;
  }

  @Override
  public Sample get(int index) {
    return from.get(indices[index]);
  }

  @Override
  public int length(int index) {
    return from.length(indices[index]);
  }

  @Override
  public String origin(int index) {
    return from.origin(indices[index]);
  }

  /// Of these samples, with the findings of all.
  @Override
  public DatasetSummary summary() {
    return DatasetSummary.of(this, from.summary().findings());
  }
}
