package dev.fettle.text;

/// The order of the file, again and again.
public record SequentialOrder(int size) implements SampleOrder {
  public SequentialOrder {
    if (size < 1) {
      throw new IllegalArgumentException("no samples to order");
    }
  }

  @Override
  public int at(long position) {
    return Math.toIntExact(position % size);
  }
}
