package dev.fettle.engine;

import dev.fettle.engine.Tiles.Matrix;
import dev.fettle.engine.VectorAttention.Inputs;
import jdk.incubator.vector.FloatVector;

/// The gradients of one key/value head; those of the keys and values are of the queries it was
/// given, and are added up over them.
final class AttentionBackward extends AttentionHead {
  private final float[] keyRows;
  private final float[] valuePanels;
  private final float[] attended;
  private final float[] dAttended;
  private final float[] dQueries;
  private final float[] dKeys;
  private final float[] dValues;

  /// The gradient of the probabilities, then of the scores.
  private final float[] dScores;

  /// With a soft cap, its slope at each score; else empty.
  private final float[] slopes;

  AttentionBackward(Inputs in, long head) {
    super(in, head);
    this.keyRows = rows(in.keys());
    this.valuePanels = panels(in.values());
    this.attended = new float[blockRows * stride];
    this.dAttended = new float[blockRows * stride];
    this.dQueries = new float[blockRows * stride];
    this.dKeys = new float[keyRows.length];
    this.dValues = new float[keyRows.length];
    this.dScores = new float[p.length];
    this.slopes = new float[in.rule().capped() ? p.length : 0];
  }

  /// Every `parts`-th block of queries from the `part`-th on.
  void run(int part, int parts, Lanes output, Lanes dOutput, Lanes dQuery) {
    float scale = (float) in.rule().scale();
    for (int first = part * blockRows; first < in.rows(); first += parts * blockRows) {
      Block block = new Block(first);
      scores(block);
      read(output, block, 1, attended);
      read(dOutput, block, 1, dAttended);
      products(block, dAttended, valuePanels, dScores);
      for (int r = 0; r < block.tileRows(); r++) {
        if (in.rule().capped()) {
          cap(block, r);
          saveSlopes(block, r);
        }
        softmaxGradient(block, r, 1 / softmax(block, r));
        mask(block, p, r);
        mask(block, dScores, r);
      }
      weightedSums(block, dScores, keyRows, dQueries);
      for (int r = 0; r < block.count; r++) {
        writeRow(dQueries, r * stride, scale, dQuery, block.place(r));
      }
      addOuter(block, dScores, queries, dKeys);
      addOuter(block, p, dAttended, dValues);
    }
  }

  /// `1 − tanh²`, from the bounded scores.
  private void saveSlopes(Block block, int r) {
    float inverse = (float) (1 / in.rule().softCap());
    int end = r * scoresStride + block.to(r);
    for (int j = r * scoresStride + block.from(r); j < end; j += Lanes.WIDTH) {
      FloatVector tanh = vector(p, j).mul(inverse);
      tanh.neg().fma(tanh, FloatVector.broadcast(Lanes.FLOATS, 1f)).intoArray(slopes, j);
    }
  }

  /// @param factor what the numbers in `p` must be multiplied with to be probabilities
  private void softmaxGradient(Block block, int r, float factor) {
    float along = dot(dAttended, attended, r * stride);
    int end = r * scoresStride + block.to(r);
    for (int j = r * scoresStride + block.from(r); j < end; j += Lanes.WIDTH) {
      FloatVector probability = vector(p, j).mul(factor);
      probability.intoArray(p, j);
      FloatVector d = vector(dScores, j).sub(along).mul(probability);
      if (slopes.length > 0) {
        d = d.mul(vector(slopes, j));
      }
      d.intoArray(dScores, j);
    }
  }

  private float dot(float[] a, float[] b, int at) {
    FloatVector sum = FloatVector.zero(Lanes.FLOATS);
    for (int d = 0; d < stride; d += Lanes.WIDTH) {
      sum = vector(a, at + d).fma(vector(b, at + d), sum);
    }
    return Lanes.sum(sum);
  }

  /// `rows[j] += Σ_r weights[r][j] · x[r]`
  private void addOuter(Block block, float[] weights, float[] x, float[] rows) {
    int keys = Math.ceilDiv(block.columns(), Tiles.ROWS) * Tiles.ROWS;
    Tiles.multiply(
        new Matrix(weights, 0, 1, scoresStride),
        Matrix.rows(x, 0, stride),
        Matrix.rows(rows, block.firstKey * stride, stride),
        keys,
        block.tileRows(),
        stride,
        true);
  }

  void addKeysAndValues(AttentionBackward other) {
    add(dKeys, other.dKeys);
    add(dValues, other.dValues);
  }

  private static void add(float[] sum, float[] part) {
    for (int i = 0; i < sum.length; i += Lanes.WIDTH) {
      vector(sum, i).add(vector(part, i)).intoArray(sum, i);
    }
  }

  void writeKeysAndValues(Lanes dKey, Lanes dValue) {
    for (int j = 0; j < in.total(); j++) {
      long element = (head * in.total() + j) * in.dim();
      writeRow(dKeys, j * stride, 1, dKey, element);
      writeRow(dValues, j * stride, 1, dValue, element);
    }
  }
}
