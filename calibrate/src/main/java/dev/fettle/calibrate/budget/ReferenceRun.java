package dev.fettle.calibrate.budget;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.model.CausalLm;
import dev.fettle.tensor.DType;
import java.util.ArrayList;
import java.util.List;

/// The unchanged model's run over a text, to compare changed ones with: its hidden states before
/// the block that is being changed, and after the last one.
final class ReferenceRun implements AutoCloseable {
  /// Logits compared at a time, float32: 32 MiB for each of the two models.
  private static final long CHUNK_LOGITS = 1L << 23;

  private final CausalLm model;
  private final List<int[][]> batches;
  private final Scope ends = Scope.detached();
  private final List<Tensor> after = new ArrayList<>();
  private Scope states = Scope.detached();
  private List<Tensor> before = new ArrayList<>();
  private int block;

  /// @param model still unchanged
  /// @param batches each of equally long rows
  ReferenceRun(CausalLm model, List<int[][]> batches) {
    this.model = model;
    this.batches = batches;
    for (int[][] ids : batches) {
      try (Scope scope = Scope.open()) {
        Tensor embedded = model.embed(ids);
        after.add(ends.adopt(model.run(0, model.blocks(), embedded, ids.length)));
        before.add(states.adopt(embedded));
      }
    }
  }

  /// Goes on to the next block, whose predecessors must be unchanged again.
  void advance() {
    Scope next = Scope.detached();
    List<Tensor> moved = new ArrayList<>();
    for (int i = 0; i < batches.size(); i++) {
      try (Scope scope = Scope.open()) {
        moved.add(next.adopt(model.run(block, block + 1, before.get(i), batches.get(i).length)));
      }
    }
    states.close();
    states = next;
    before = moved;
    block++;
  }

  /// The Kullback–Leibler divergence `Σ p · (ln p − ln q)` of the next-token distributions, `p` of
  /// the unchanged model and `q` of the model as it is now, whose blocks before the current one are
  /// unchanged: mean over all tokens, in nats.
  double divergence() {
    double sum = 0;
    long tokens = 0;
    for (int i = 0; i < batches.size(); i++) {
      try (Scope scope = Scope.open()) {
        Tensor changed = model.run(block, model.blocks(), before.get(i), batches.get(i).length);
        sum += sum(after.get(i), changed);
        tokens += changed.size(0);
      }
    }
    return Math.max(0, sum / tokens); // rounding may take equal distributions below zero
  }

  private double sum(Tensor reference, Tensor changed) {
    long rows = reference.size(0);
    long step = Math.max(1, CHUNK_LOGITS / model.config().vocabSize());
    double sum = 0;
    for (long from = 0; from < rows; from += step) {
      try (Scope scope = Scope.open()) {
        long count = Math.min(step, rows - from);
        Tensor p = model.headLogits(reference.narrow(0, from, count)).logSoftmax();
        Tensor q = model.headLogits(changed.narrow(0, from, count)).logSoftmax();
        sum += p.exp().mul(p.sub(q)).to(DType.F64).sum().item();
      }
    }
    return sum;
  }

  @Override
  public void close() {
    states.close();
    ends.close();
  }
}
