package dev.fettle.evaluate;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.model.CausalLm;
import dev.fettle.tensor.DType;
import java.util.ArrayList;
import java.util.List;

/// Two models on the same windows: sums of what they differ in.
final class SideBySide {
  private final CausalLm reference;
  private final CausalLm model;
  private final KlDistribution.Collector collector = new KlDistribution.Collector();
  private final KlDistribution.Collector none = new KlDistribution.Collector();
  private final double[][] sums; // by block: Σ(h−h')², Σh², Σh'², Σh·h'
  private final double[] loss = new double[2];
  private final double[] seconds = new double[2];
  private long tokens;

  SideBySide(CausalLm reference, CausalLm model) {
    this.reference = reference;
    this.model = model;
    this.sums = new double[reference.config().numHiddenLayers()][4];
  }

  /// What was found of one of the two.
  record Side(
      KlDistribution kl,
      double meanLoss,
      long tokens,
      List<Comparison.BlockError> blocks,
      DType computeDtype,
      double seconds) {}

  Side reference() {
    return side(0, none.distribution(), List.of(), reference.computeDtype());
  }

  Side model() {
    List<Comparison.BlockError> blocks = new ArrayList<>();
    for (int block = 0; block < sums.length; block++) {
      double[] sum = sums[block];
      double relative = sum[0] / sum[1];
      blocks.add(
          new Comparison.BlockError(
              block, relative, -10 * Math.log10(relative), sum[3] / Math.sqrt(sum[1] * sum[2])));
    }
    return side(1, collector.distribution(), blocks, model.computeDtype());
  }

  private Side side(
      int index, KlDistribution kl, List<Comparison.BlockError> blocks, DType computeDtype) {
    return new Side(kl, loss[index] / tokens, tokens, blocks, computeDtype, seconds[index]);
  }

  void window(int[] ids) {
    int[][] window = {ids};
    try (Scope scope = Scope.open()) {
      List<Tensor> outputs = new ArrayList<>();
      long start = System.nanoTime();
      Tensor p = reference.hidden(window, (_, output) -> outputs.add(output));
      seconds[0] += since(start);
      start = System.nanoTime();
      List<Tensor> others = new ArrayList<>();
      Tensor q = model.hidden(window, (_, output) -> others.add(output));
      seconds[1] += since(start);
      for (int block = 0; block < sums.length; block++) {
        addBlock(outputs.get(block), others.get(block), sums[block]);
      }
      long step = KlDivergence.rowsPerChunk(reference);
      for (long from = 0; from < ids.length; from += step) {
        addRows(p, q, ids, (int) from, (int) Math.min(step, ids.length - from));
      }
    }
    tokens += ids.length - 1;
  }

  private static void addBlock(Tensor h, Tensor other, double[] sum) {
    try (Scope scope = Scope.open()) {
      Tensor a = h.to(DType.F32);
      Tensor b = other.to(DType.F32);
      Tensor error = a.sub(b);
      sum[0] += error.mul(error).sum().item();
      sum[1] += a.mul(a).sum().item();
      sum[2] += b.mul(b).sum().item();
      sum[3] += a.mul(b).sum().item();
    }
  }

  /// Rows `from` on; row `i` predicts token `i + 1`, the last of a window nothing.
  private void addRows(Tensor p, Tensor q, int[] ids, int from, int count) {
    try (Scope scope = Scope.open()) {
      long start = System.nanoTime();
      Tensor logP = reference.logits(p.narrow(0, from, count)).logSoftmax();
      seconds[0] += since(start);
      start = System.nanoTime();
      Tensor logQ = model.logits(q.narrow(0, from, count)).logSoftmax();
      seconds[1] += since(start);
      KlDivergence.add(logP, logQ, collector);
      KlDivergence.add(logP, logP, none);
      int labelled = Math.min(count, ids.length - 1 - from);
      if (labelled > 0) {
        long[] labels = new long[labelled];
        for (int i = 0; i < labelled; i++) {
          labels[i] = ids[from + i + 1];
        }
        Tensor index = Tensors.ofLongs(labels).view(labelled, 1);
        loss[0] -= gathered(logP, index, labelled);
        loss[1] -= gathered(logQ, index, labelled);
      }
    }
  }

  private static double gathered(Tensor logs, Tensor index, int rows) {
    return logs.narrow(0, 0, rows).gather(1, index).to(DType.F64).sum().item();
  }

  private static double since(long start) {
    return (System.nanoTime() - start) / 1e9;
  }
}
