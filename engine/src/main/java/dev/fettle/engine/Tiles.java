package dev.fettle.engine;

import jdk.incubator.vector.FloatVector;

/// Matrix products over float arrays that stay in the processor's nearest caches: `c[i][x] = Σ_t
/// a[i][t] · b[t][x]`, four rows and up to two vectors of columns at a time in registers. Each sum
/// runs over `t` in ascending order, so results do not depend on how the rows are divided.
final class Tiles {
  /// Rows of one tile; callers pad theirs to a multiple.
  static final int ROWS = 4;

  /// Columns of one tile.
  static final int COLUMNS = 2 * Lanes.WIDTH;

  private Tiles() {}

  /// A matrix in an array: element (i, t) is at `at + i · row + t · step`.
  record Matrix(float[] data, int at, int row, int step) {
    static Matrix rows(float[] data, int at, int row) {
      return new Matrix(data, at, row, 1);
    }

    Matrix from(int i, int t) {
      return new Matrix(data, at + i * row + t * step, row, step);
    }
  }

  /// `c = a · b`, or `c += a · b`.
  ///
  /// @param a `[rows × depth]`
  /// @param b `[depth × columns]`, step 1
  /// @param c `[rows × columns]`, step 1
  /// @param rows a multiple of [#ROWS]
  /// @param columns a multiple of [Lanes#WIDTH]
  static void multiply(
      Matrix a, Matrix b, Matrix c, int rows, int depth, int columns, boolean add) {
    for (int x = 0; x + COLUMNS <= columns; x += COLUMNS) {
      for (int i = 0; i < rows; i += ROWS) {
        wide(a, i, b, x, c, depth, add);
      }
    }
    if (columns % COLUMNS != 0) {
      for (int i = 0; i < rows; i += ROWS) {
        narrow(a, i, b, columns - columns % COLUMNS, c, depth, add);
      }
    }
  }

  private static void wide(
      Matrix left, int i, Matrix right, int x, Matrix target, int depth, boolean add) {
    float[] a = left.data();
    float[] b = right.data();
    float[] c = target.data();
    int w = Lanes.WIDTH;
    int step = left.step();
    int a0 = left.at() + i * left.row();
    int a1 = a0 + left.row();
    int a2 = a1 + left.row();
    int a3 = a2 + left.row();
    int bt = right.at() + x;
    int c0 = target.at() + i * target.row() + x;
    int c1 = c0 + target.row();
    int c2 = c1 + target.row();
    int c3 = c2 + target.row();
    FloatVector s00 = FloatVector.zero(Lanes.FLOATS);
    FloatVector s01 = FloatVector.zero(Lanes.FLOATS);
    FloatVector s10 = FloatVector.zero(Lanes.FLOATS);
    FloatVector s11 = FloatVector.zero(Lanes.FLOATS);
    FloatVector s20 = FloatVector.zero(Lanes.FLOATS);
    FloatVector s21 = FloatVector.zero(Lanes.FLOATS);
    FloatVector s30 = FloatVector.zero(Lanes.FLOATS);
    FloatVector s31 = FloatVector.zero(Lanes.FLOATS);
    for (int t = 0; t < depth; t++) {
      FloatVector b0 = vector(b, bt);
      FloatVector b1 = vector(b, bt + w);
      bt += right.row();
      FloatVector f = all(a[a0]);
      s00 = b0.fma(f, s00);
      s01 = b1.fma(f, s01);
      f = all(a[a1]);
      s10 = b0.fma(f, s10);
      s11 = b1.fma(f, s11);
      f = all(a[a2]);
      s20 = b0.fma(f, s20);
      s21 = b1.fma(f, s21);
      f = all(a[a3]);
      s30 = b0.fma(f, s30);
      s31 = b1.fma(f, s31);
      a0 += step;
      a1 += step;
      a2 += step;
      a3 += step;
    }
    store(s00, c, c0, add);
    store(s01, c, c0 + w, add);
    store(s10, c, c1, add);
    store(s11, c, c1 + w, add);
    store(s20, c, c2, add);
    store(s21, c, c2 + w, add);
    store(s30, c, c3, add);
    store(s31, c, c3 + w, add);
  }

  private static void narrow(
      Matrix left, int i, Matrix right, int x, Matrix target, int depth, boolean add) {
    float[] a = left.data();
    float[] b = right.data();
    float[] c = target.data();
    int step = left.step();
    int a0 = left.at() + i * left.row();
    int a1 = a0 + left.row();
    int a2 = a1 + left.row();
    int a3 = a2 + left.row();
    int bt = right.at() + x;
    int c0 = target.at() + i * target.row() + x;
    int c1 = c0 + target.row();
    int c2 = c1 + target.row();
    int c3 = c2 + target.row();
    FloatVector s0 = FloatVector.zero(Lanes.FLOATS);
    FloatVector s1 = FloatVector.zero(Lanes.FLOATS);
    FloatVector s2 = FloatVector.zero(Lanes.FLOATS);
    FloatVector s3 = FloatVector.zero(Lanes.FLOATS);
    for (int t = 0; t < depth; t++) {
      FloatVector b0 = vector(b, bt);
      bt += right.row();
      s0 = b0.fma(all(a[a0]), s0);
      s1 = b0.fma(all(a[a1]), s1);
      s2 = b0.fma(all(a[a2]), s2);
      s3 = b0.fma(all(a[a3]), s3);
      a0 += step;
      a1 += step;
      a2 += step;
      a3 += step;
    }
    store(s0, c, c0, add);
    store(s1, c, c1, add);
    store(s2, c, c2, add);
    store(s3, c, c3, add);
  }

  private static void store(FloatVector sum, float[] c, int at, boolean add) {
    if (add) {
      sum.add(vector(c, at)).intoArray(c, at);
    } else {
      sum.intoArray(c, at);
    }
  }

  private static FloatVector vector(float[] array, int at) {
    return FloatVector.fromArray(Lanes.FLOATS, array, at);
  }

  private static FloatVector all(float value) {
    return FloatVector.broadcast(Lanes.FLOATS, value);
  }
}
