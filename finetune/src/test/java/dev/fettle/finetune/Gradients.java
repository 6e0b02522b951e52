package dev.fettle.finetune;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.engine.Tensor;

/// How far gradients are from those that PyTorch computed.
final class Gradients {
  private Gradients() {}

  /// The largest difference, as a share of the largest expected element; NaN where one is NaN.
  static double relative(float[] found, float[] expected) {
    assertThat(found).hasSameSizeAs(expected);
    double difference = 0;
    double largest = 0;
    for (int i = 0; i < found.length; i++) {
      difference = Math.max(difference, Math.abs((double) found[i] - expected[i]));
      largest = Math.max(largest, Math.abs(expected[i]));
    }
    return difference / largest;
  }

  static double norm(float[] values) {
    double squares = 0;
    for (float value : values) {
      squares += (double) value * value;
    }
    return Math.sqrt(squares);
  }

  /// Rows 0, 8, 16 … of a matrix, which is what large goldens keep; a vector as it is.
  static float[] everyEighthRow(Tensor tensor) {
    float[] all = tensor.toFloats();
    if (tensor.rank() == 1) {
      return all;
    }
    int columns = (int) tensor.size(1);
    int rows = (int) (tensor.size(0) + 7) / 8;
    float[] found = new float[rows * columns];
    for (int row = 0; row < rows; row++) {
      System.arraycopy(all, row * 8 * columns, found, row * columns, columns);
    }
    return found;
  }
}
