package dev.fettle.model;

/// Attention as its formula says it, one query and one key at a time in double precision.
record PlainAttention(CausalAttentionTest.Case shape) {
  /// All arrays row-major: queries `[batch · kvHeads, group, length, dim]`, keys and values `[batch
  /// · kvHeads, total, dim]`.
  float[] attend(float[] queries, float[] keys, float[] values) {
    float[] out = new float[queries.length];
    int dim = shape.dim();
    int total = shape.start() + shape.length();
    for (int row = 0; row < queries.length / dim; row++) {
      int position = row % shape.length();
      int head = row / shape.length() / shape.group();
      double[] weights = new double[total];
      double sum = 0;
      for (int j = 0; j < total; j++) {
        if (sees(head / shape.kvHeads(), shape.start() + position, j)) {
          double score = 0;
          for (int d = 0; d < dim; d++) {
            score += (double) queries[row * dim + d] * keys[(head * total + j) * dim + d];
          }
          score *= shape.rule().scale();
          double cap = shape.rule().softCap();
          weights[j] = Math.exp(Double.isInfinite(cap) ? score : cap * Math.tanh(score / cap));
          sum += weights[j];
        }
      }
      for (int d = 0; d < dim; d++) {
        double value = 0;
        for (int j = 0; j < total; j++) {
          value += weights[j] / sum * values[(head * total + j) * dim + d];
        }
        out[row * dim + d] = (float) value;
      }
    }
    return out;
  }

  private boolean sees(int sequence, int query, int key) {
    int[][] documents = shape.documents();
    if (documents != null) {
      for (int start : documents[sequence]) {
        if (key < start && start <= query) {
          return false;
        }
      }
    }
    return key <= query && query - key < shape.rule().window();
  }
}
