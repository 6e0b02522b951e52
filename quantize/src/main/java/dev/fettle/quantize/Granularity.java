package dev.fettle.quantize;

import dev.fettle.tensor.Shape;

/// Which numbers of a matrix share one scale (and zero point).
public sealed interface Granularity {
  /// All of them.
  record PerTensor() implements Granularity {
    @Override
    public String toString() {
      return "tensor";
    }
  }

  /// Those with the same index along an axis; axis 0 of a weight `[out, in]` is the output channel.
  ///
  /// @param axis 0 or 1
  record PerChannel(int axis) implements Granularity {
    public PerChannel {
      if (axis < 0 || axis > 1) {
        throw new IllegalArgumentException("axis " + axis + " of a matrix");
      }
    }

    @Override
    public String toString() {
      return axis == 0 ? "channel" : "channel=" + axis;
    }
  }

  /// Each row of activations, `[tokens, features]`, found while computing.
  record PerToken() implements Granularity {
    @Override
    public String toString() {
      return "token";
    }
  }

  /// Consecutive numbers of a row; the last group of a row may not be short.
  ///
  /// @param size numbers per scale, positive
  record PerGroup(int size) implements Granularity {
    public PerGroup {
      if (size < 1) {
        throw new IllegalArgumentException("group size " + size);
      }
    }

    @Override
    public String toString() {
      return "group=" + size;
    }
  }

  /// Rectangles; those at the right and lower edge may be short.
  record PerBlock(int rows, int columns) implements Granularity {
    public PerBlock {
      if (rows < 1 || columns < 1) {
        throw new IllegalArgumentException("block " + rows + "x" + columns);
      }
    }

    @Override
    public String toString() {
      return "block=" + rows + "x" + columns;
    }
  }

  /// The scales of a matrix `[rows, columns]`, as a matrix of their own.
  ///
  /// @throws dev.fettle.tensor.UserException if groups do not divide the columns
  default Shape scaleShape(Shape matrix) {
    return Shape.of(scaleRows(matrix.dim(0)), scaleColumns(matrix.dim(1)));
  }

  private long scaleRows(long rows) {
    return switch (this) {
      case PerTensor tensor -> 1;
      case PerChannel channel -> channel.axis() == 0 ? rows : 1;
      case PerToken token -> rows;
      case PerGroup group -> rows;
      case PerBlock block -> ceil(rows, block.rows());
    };
  }

  private long scaleColumns(long columns) {
    return switch (this) {
      case PerTensor tensor -> 1;
      case PerChannel channel -> channel.axis() == 0 ? 1 : columns;
      case PerToken token -> 1;
      case PerGroup group -> ceil(columns, group.size());
      case PerBlock block -> ceil(columns, block.columns());
    };
  }

  /// Rows that share one row of scales, for a matrix of so many rows.
  default long rowsPerScale(long rows) {
    return switch (this) {
      case PerTensor tensor -> Math.max(1, rows);
      case PerChannel channel -> channel.axis() == 0 ? 1 : Math.max(1, rows);
      case PerToken token -> 1;
      case PerGroup group -> 1;
      case PerBlock block -> block.rows();
    };
  }

  /// Numbers of a row that share one scale, for rows of so many columns.
  default long columnsPerScale(long columns) {
    return switch (this) {
      case PerTensor tensor -> Math.max(1, columns);
      case PerChannel channel -> channel.axis() == 0 ? Math.max(1, columns) : 1;
      case PerToken token -> Math.max(1, columns);
      case PerGroup group -> group.size();
      case PerBlock block -> block.columns();
    };
  }

  private static long ceil(long a, long b) {
    return (a + b - 1) / b;
  }
}
