package dev.fettle.tensor;

import java.util.Arrays;

/// The dimensions of a tensor, outermost first. Rank 0 is a scalar with one element.
public final class Shape {
  private final long[] dims;

  private Shape(long[] dims) {
    this.dims = dims;
  }

  /// @throws IllegalArgumentException if a dimension is negative or the element count overflows
  public static Shape of(long... dims) {
    long count = 1;
    for (long dim : dims) {
      if (dim < 0) {
        throw new IllegalArgumentException("negative dimension in " + Arrays.toString(dims));
      }
      count = Math.multiplyExact(count, dim);
    }
    return new Shape(dims.clone());
  }

  public int rank() {
    return dims.length;
  }

  /// Dimension `axis`; negative counts from the end.
  public long dim(int axis) {
    return dims[axis < 0 ? dims.length + axis : axis];
  }

  public long elements() {
    long count = 1;
    for (long dim : dims) {
      count *= dim;
    }
    return count;
  }

  public long[] toArray() {
    return dims.clone();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Shape that && Arrays.equals(dims, that.dims);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(dims);
  }

  /// As PyTorch prints it: `[2048, 5632]`.
  @Override
  public String toString() {
    return Arrays.toString(dims);
  }
}
