package dev.fettle.text;

import java.util.List;

/// Samples in a list.
record InMemoryDataset(List<Sample> samples) implements Dataset {
  InMemoryDataset {
    samples = List.copyOf(samples);
  }

  @Override
  public int size() {
    return samples.size();
  }

  @Override
  public Sample get(int index) {
    return samples.get(index);
  }

  @Override
  public int length(int index) {
    return samples.get(index).length();
  }

  @Override
  public String origin(int index) {
    return "sample " + index;
  }

  @Override
  public DatasetSummary summary() {
    return DatasetSummary.of(this, DatasetFindings.NONE);
  }
}
