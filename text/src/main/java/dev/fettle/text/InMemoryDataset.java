package dev.fettle.text;

import java.util.List;

/// Samples in a list.
record InMemoryDataset(List<Sample> samples, DatasetSummary summary) implements Dataset {
  InMemoryDataset {
    samples = List.copyOf(samples);
  }

  static InMemoryDataset of(List<Sample> samples) {
    DatasetSummary.Builder summary = new DatasetSummary.Builder();
    samples.forEach(sample -> summary.add(sample, sample.length()));
    return new InMemoryDataset(samples, summary.build());
  }

  @Override
  public int size() {
    return samples.size();
  }

  @Override
  public Sample get(int index) {
    return samples.get(index);
  }
}
