package dev.fettle.model;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.engine.Var;
import dev.fettle.tensor.DType;

/// The output head and the cross-entropy, together and in chunks of tokens, so that `[tokens,
/// vocab]` never exists at once. Tokens without a label cost nothing.
final class LanguageHead {
  /// Logits of one chunk, float32: 64 MiB.
  private static final long CHUNK_LOGITS = 1L << 24;

  private final Weight weight;
  private final Scratch scratch;

  LanguageHead(Weight weight, Scratch scratch) {
    this.weight = weight;
    this.scratch = scratch;
  }

  Weight weight() {
    return weight;
  }

  /// @param hidden `[rows, hidden]`
  /// @return float32 `[rows, vocab]`
  Tensor logits(Tensor hidden) {
    try (Scope scope = Scope.open()) {
      return scope.keep(scratch.multiply("lm_head", hidden, weight).to(DType.F32));
    }
  }

  /// Negative log-likelihoods in nats, one per row of `hidden`.
  ///
  /// @param targets I64 `[rows]`
  /// @return float32 `[rows]`
  Tensor negativeLogLikelihoods(Tensor hidden, Tensor targets) {
    try (Scope scope = Scope.open()) {
      Tensor all = Tensors.empty(DType.F32, hidden.size(0), 1);
      forChunks(
          hidden.size(0),
          (from, count) -> {
            Tensor logits = logits(hidden.narrow(0, from, count));
            Tensor target = targets.narrow(0, from, count).view(count, 1);
            all.narrow(0, from, count)
                .copyInPlace(logits.logSumExp(-1).subInPlace(logits.gather(1, target)));
          });
      return scope.keep(all.view(-1));
    }
  }

  /// Sum of the negative log-likelihoods of the labelled rows; their gradient, times `lossScale`,
  /// is accumulated in `hidden` and in the head's own weight if it is trained.
  ///
  /// @param hidden `[rows, hidden]`
  /// @param labelled I64: the rows that have a label
  /// @param targets I64: their labels
  /// @param lossScale what each token's loss counts, such as 1 / (target tokens of the step)
  /// @return the unscaled sum in nats
  double lossAndGradient(Var hidden, Tensor labelled, Tensor targets, double lossScale) {
    double[] sum = {0};
    try (Scope scope = Scope.open()) {
      Tensor rows = hidden.value();
      Tensor dRows = Tensors.zeros(rows.dtype(), rows.shape().toArray());
      forChunks(
          labelled.size(0),
          (from, count) -> {
            Tensor at = labelled.narrow(0, from, count);
            Tensor target = targets.narrow(0, from, count).view(count, 1);
            Tensor chunk = rows.indexSelect(0, at);
            Tensor head = scratch.materialize(weight);
            Tensor dLogits = softmaxGradient(chunk.linear(head), target, lossScale, sum);
            dRows.indexCopyInPlace(at, dLogits.matmul(head));
            if (weight instanceof Weight.Trained trained) {
              trained.parameter().accumulate(dLogits.t().matmul(chunk));
            }
          });
      if (hidden.needsGrad()) {
        hidden.accumulate(dRows);
      }
    }
    return sum[0];
  }

  /// `scale · (softmax(logits) − onehot(target))` in the dtype of the logits; adds the loss to
  /// `sum`.
  private static Tensor softmaxGradient(Tensor logits, Tensor target, double scale, double[] sum) {
    Tensor wide = logits.to(DType.F32);
    Tensor normaliser = wide.logSumExp(-1);
    sum[0] += normaliser.sub(wide.gather(1, target)).to(DType.F64).sum().item();
    Tensor p = wide.subInPlace(normaliser).expInPlace();
    p.scatterAddInPlace(1, target, Tensors.full(DType.F32, -1, target.size(0), 1));
    return p.mulInPlace(scale).to(logits.dtype());
  }

  private void forChunks(long rows, Chunk body) {
    long step = Math.max(1, CHUNK_LOGITS / weight.out());
    for (long from = 0; from < rows; from += step) {
      try (Scope scope = Scope.open()) {
        body.accept(from, Math.min(step, rows - from));
      }
    }
  }

  private interface Chunk {
    void accept(long from, long count);
  }
}
