package dev.fettle.text;

import dev.fettle.tensor.UserException;
import java.util.stream.IntStream;

/// Samples to train on and samples held out, disjoint, each in the order of the file.
public record Split(Dataset train, Dataset validation) {

  /// Holds out a random fraction of the samples, rounded, but at least one.
  ///
  /// @param fraction above 0 and below 1
  /// @throws UserException if nothing would be left to train on
  public static Split trainValidation(Dataset dataset, double fraction, long seed) {
    if (!(fraction > 0 && fraction < 1)) {
      throw new UserException(
          "The validation split is a fraction between 0 and 1, not " + fraction + ".");
    }
    return trainValidation(dataset, Math.max(1, (int) Math.round(fraction * dataset.size())), seed);
  }

  /// Holds out `count` random samples.
  ///
  /// @throws UserException unless at least one sample is held out and one is left to train on
  public static Split trainValidation(Dataset dataset, int count, long seed) {
    int size = dataset.size();
    if (count < 1 || count >= size) {
      throw new UserException(
          "Cannot hold out "
              + count
              + " of "
              + size
              + " samples for validation; expected at least 1, and 1 left to train on: use more"
              + " data or a shorter sequence length.");
    }
    ShuffledOrder order = new ShuffledOrder(size, seed);
    int[] heldOut = IntStream.range(0, count).map(order::at).sorted().toArray();
    int[] rest = IntStream.range(count, size).map(order::at).sorted().toArray();
    return new Split(dataset.select(rest), dataset.select(heldOut));
  }
}
