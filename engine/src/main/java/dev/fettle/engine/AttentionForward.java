package dev.fettle.engine;

import dev.fettle.engine.VectorAttention.Inputs;

/// The attended values of one key/value head.
final class AttentionForward extends AttentionHead {
  private final float[] values;
  private final float[] attended;

  AttentionForward(Inputs in, long head) {
    super(in, head);
    this.values = rows(in.values());
    this.attended = new float[blockRows * stride];
  }

  /// Every `parts`-th block of queries from the `part`-th on.
  void run(int part, int parts, Lanes output) {
    for (int first = part * blockRows; first < in.rows(); first += parts * blockRows) {
      Block block = new Block(first);
      scores(block);
      for (int r = 0; r < block.tileRows(); r++) {
        if (in.rule().capped()) {
          cap(block, r);
        }
        normalise(block, r, 1 / softmax(block, r));
        mask(block, p, r);
      }
      weightedSums(block, p, values, attended);
      for (int r = 0; r < block.count; r++) {
        writeRow(attended, r * stride, 1, output, block.place(r));
      }
    }
  }

  private void normalise(Block block, int r, float factor) {
    int end = r * scoresStride + block.to(r);
    for (int j = r * scoresStride + block.from(r); j < end; j += Lanes.WIDTH) {
      vector(p, j).mul(factor).intoArray(p, j);
    }
  }
}
