package dev.fettle.engine;

import dev.fettle.engine.Tiles.Matrix;
import dev.fettle.engine.VectorAttention.Inputs;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/// One key/value head with the queries of its group: the part that the forward and the backward
/// pass share, which is to compute the probabilities of some queries at a time.
///
/// Queries of the same position stand next to each other, so that those in one tile see about the
/// same keys.
abstract class AttentionHead {
  private static final int WIDTH = Lanes.WIDTH;

  /// Probabilities of one block of queries: half of a cache of 512 KiB.
  private static final int BLOCK_SCORES = 1 << 16;

  private static final int MAX_BLOCK = 64;

  final Inputs in;
  final long head;

  /// Numbers of a head, filled with zeros up to a whole vector.
  final int stride;

  /// Numbers of one row of scores; the last vector may be written over and never read.
  final int scoresStride;

  /// Most queries of a block.
  final int blockRows;

  final float[] queries;

  /// The block's scores, then its probabilities: column j belongs to key `firstKey + j`.
  final float[] p;

  /// The keys in panels of [Tiles#COLUMNS], each `[dim × columns]`.
  private final float[] keyPanels;

  private final int sequence;
  private final int[] from;
  private final int[] to;

  AttentionHead(Inputs in, long head) {
    this.in = in;
    this.head = head;
    this.sequence = Math.toIntExact(head * in.batch() / in.heads());
    this.stride = Math.ceilDiv(in.dim(), WIDTH) * WIDTH;
    int columns = columns(in);
    this.scoresStride = columns + WIDTH;
    int fitting = BLOCK_SCORES / columns / Tiles.ROWS * Tiles.ROWS;
    int needed = Math.ceilDiv(in.rows(), Tiles.ROWS) * Tiles.ROWS;
    this.blockRows = Math.min(needed, Math.clamp(fitting, Tiles.ROWS, MAX_BLOCK));
    this.queries = new float[blockRows * stride];
    this.p = new float[blockRows * scoresStride];
    this.from = new int[blockRows];
    this.to = new int[blockRows];
    this.keyPanels = panels(in.keys());
  }

  /// Most columns of a block: all keys, or those of a window and of the block's own queries, in
  /// whole panels.
  private static int columns(Inputs in) {
    int panel = Tiles.COLUMNS;
    long windowed = (long) in.rule().window() + MAX_BLOCK + 2L * panel;
    return (int) Math.min(Math.ceilDiv(in.total(), panel) * (long) panel, windowed);
  }

  /// The block's queries from `first` on, their scores softened to probabilities.
  final class Block {
    /// The first query, counted position by position and within one by group.
    final int first;

    final int count;
    final int firstKey;
    final int lastKey;

    Block(int first) {
      this.first = first;
      this.count = Math.min(blockRows, in.rows() - first);
      for (int r = 0; r < blockRows; r++) {
        int position = Math.min(first + r, in.rows() - 1) / in.group();
        from[r] = in.visible().from(sequence, position);
        to[r] = in.visible().to(position);
      }
      this.firstKey = from[0] / Tiles.COLUMNS * Tiles.COLUMNS;
      this.lastKey = to[blockRows - 1];
    }

    /// Rows rounded up to whole tiles.
    int tileRows() {
      return Math.ceilDiv(count, Tiles.ROWS) * Tiles.ROWS;
    }

    /// Columns that some row sees, rounded up to whole tiles.
    int columns() {
      return Math.ceilDiv(lastKey - firstKey, Tiles.ROWS) * Tiles.ROWS;
    }

    /// Place of row `r` of the block in a tensor `[heads, group, length, dim]`.
    long place(int r) {
      int row = first + r;
      long member = head * in.group() + row % in.group();
      return (member * in.length() + row / in.group()) * in.dim();
    }

    /// The first column that row `r` sees.
    int from(int r) {
      return from[r] - firstKey;
    }

    /// The column after the last that row `r` sees.
    int to(int r) {
      return to[r] - firstKey;
    }
  }

  /// Reads the rows of a block, `scale` times as large, followed by zeros up to a whole tile.
  final void read(Lanes tensor, Block block, float scale, float[] target) {
    for (int r = 0; r < block.count; r++) {
      readRow(tensor, block.place(r), scale, target, r * stride);
    }
    Arrays.fill(target, block.count * stride, block.tileRows() * stride, 0f);
  }

  private void readRow(Lanes tensor, long element, float scale, float[] target, int at) {
    int d = 0;
    for (; d + WIDTH <= in.dim(); d += WIDTH) {
      tensor.get(element + d).mul(scale).intoArray(target, at + d);
    }
    if (d < in.dim()) {
      tensor.get(element + d, in.dim() - d).mul(scale).intoArray(target, at + d);
    }
  }

  /// Writes `scale · source[at …]` as one row of a tensor.
  final void writeRow(float[] source, int at, float scale, Lanes tensor, long element) {
    int d = 0;
    for (; d + WIDTH <= in.dim(); d += WIDTH) {
      tensor.set(element + d, vector(source, at + d).mul(scale));
    }
    if (d < in.dim()) {
      tensor.set(element + d, vector(source, at + d).mul(scale), in.dim() - d);
    }
  }

  /// The head's keys or values as rows, zeros up to a whole panel of rows.
  final float[] rows(Lanes tensor) {
    float[] rows = new float[Math.ceilDiv(in.total(), Tiles.COLUMNS) * Tiles.COLUMNS * stride];
    for (int j = 0; j < in.total(); j++) {
      readRow(tensor, (head * in.total() + j) * in.dim(), 1, rows, j * stride);
    }
    return rows;
  }

  /// The head's keys or values with those of one panel next to each other.
  final float[] panels(Lanes tensor) {
    int columns = Tiles.COLUMNS;
    float[] panels = new float[Math.ceilDiv(in.total(), columns) * columns * in.dim()];
    float[] row = new float[stride];
    for (int j = 0; j < in.total(); j++) {
      readRow(tensor, (head * in.total() + j) * in.dim(), 1, row, 0);
      int at = j / columns * columns * in.dim() + j % columns;
      for (int d = 0; d < in.dim(); d++) {
        panels[at + d * columns] = row[d];
      }
    }
    return panels;
  }

  /// `target[r][j] = x[r] · keyOrValue[j]` wherever a row of the tile sees j.
  final void products(Block block, float[] x, float[] panels, float[] target) {
    int columns = Tiles.COLUMNS;
    for (int r = 0; r < block.tileRows(); r += Tiles.ROWS) {
      int last = Math.ceilDiv(block.to(r + Tiles.ROWS - 1), columns) * columns;
      for (int j = block.from(r) / columns * columns; j < last; j += columns) {
        Tiles.multiply(
            Matrix.rows(x, r * stride, stride),
            Matrix.rows(panels, (block.firstKey + j) * in.dim(), columns),
            Matrix.rows(target, r * scoresStride + j, scoresStride),
            Tiles.ROWS,
            in.dim(),
            columns,
            false);
      }
    }
  }

  /// `target[r] = Σ_j weights[r][j] · rows[j]` over what the rows of a tile see.
  final void weightedSums(Block block, float[] weights, float[] rows, float[] target) {
    for (int r = 0; r < block.tileRows(); r += Tiles.ROWS) {
      int first = block.from(r);
      Tiles.multiply(
          Matrix.rows(weights, r * scoresStride + first, scoresStride),
          Matrix.rows(rows, (block.firstKey + first) * stride, stride),
          Matrix.rows(target, r * stride, stride),
          Tiles.ROWS,
          block.to(r + Tiles.ROWS - 1) - first,
          stride,
          false);
    }
  }

  /// The scores of the block, without softmax.
  final void scores(Block block) {
    read(in.queries(), block, (float) in.rule().scale(), queries);
    products(block, queries, keyPanels, p);
  }

  /// Sets what row `r` does not see to zero, over all columns of the block.
  final void mask(Block block, float[] scores, int r) {
    int row = r * scoresStride;
    Arrays.fill(scores, row, row + block.from(r), 0f);
    Arrays.fill(scores, row + block.to(r), row + block.columns(), 0f);
  }

  /// `softCap · tanh(score / softCap)` of row `r`.
  final void cap(Block block, int r) {
    float cap = (float) in.rule().softCap();
    int end = r * scoresStride + block.to(r);
    for (int j = r * scoresStride + block.from(r); j < end; j += WIDTH) {
      Lanes.tanh(vector(p, j).mul(1 / cap)).mul(cap).intoArray(p, j);
    }
  }

  /// The probabilities of row `r` in place of its scores, before they are divided by their sum.
  ///
  /// @return their sum, which they must be divided by
  final float softmax(Block block, int r) {
    int begin = r * scoresStride + block.from(r);
    int end = r * scoresStride + block.to(r);
    int whole = begin + Math.ceilDiv(end - begin, WIDTH) * WIDTH;
    // The exponentials of these, about 1e-38, are too small to change a sum of one or more.
    Arrays.fill(p, end, whole, Float.NEGATIVE_INFINITY);
    FloatVector largest = FloatVector.broadcast(Lanes.FLOATS, Float.NEGATIVE_INFINITY);
    for (int j = begin; j < end; j += WIDTH) {
      largest = largest.max(vector(p, j));
    }
    float max = largest.reduceLanes(VectorOperators.MAX); // exact in any order
    FloatVector sum = FloatVector.zero(Lanes.FLOATS);
    for (int j = begin; j < end; j += WIDTH) {
      FloatVector e = Lanes.exp(vector(p, j).sub(max));
      e.intoArray(p, j);
      sum = sum.add(e);
    }
    return Lanes.sum(sum);
  }

  static FloatVector vector(float[] array, int at) {
    return FloatVector.fromArray(Lanes.FLOATS, array, at);
  }
}
