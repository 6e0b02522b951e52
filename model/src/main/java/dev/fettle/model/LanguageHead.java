package dev.fettle.model;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tape;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.engine.Var;
import dev.fettle.tensor.DType;
import org.jspecify.annotations.Nullable;

/// The output head and the cross-entropy, together and in chunks of tokens, so that `[tokens,
/// vocab]` never exists at once. Tokens without a label cost nothing.
///
/// With a scale `m` and a soft cap `c` the logits are `y = c · tanh(m · z / c)` of the product `z`,
/// and `dz = m · (1 − (y / c)²) · dy`; Gemma 2, arXiv:2408.00118, section 2.
final class LanguageHead {
  /// Path of the module in Hugging Face's naming.
  static final String PATH = "lm_head";

  /// Logits of one chunk, float32: 64 MiB.
  private static final long CHUNK_LOGITS = 1L << 24;

  private final Linear projection;
  private final double scale;
  private final @Nullable Double cap;
  private @Nullable TokenRows tokens;

  /// @param scale factor of the logits
  /// @param cap bound of the logits, or null
  LanguageHead(Weight weight, Scratch scratch, double scale, @Nullable Double cap) {
    this.projection = new Linear(PATH, weight, null, scratch);
    this.scale = scale;
    this.cap = cap;
  }

  Linear projection() {
    return projection;
  }

  /// Replaces rows, or puts the frozen ones back.
  void tokens(@Nullable TokenRows rows) {
    tokens = rows;
  }

  /// @param hidden `[rows, hidden]`
  /// @return float32 `[rows, vocab]`
  Tensor logits(Tensor hidden) {
    try (Scope scope = Scope.open()) {
      Pass pass = Pass.inference(1, Math.toIntExact(hidden.size(0)));
      return scope.keep(shaped(apply(pass, Var.constant(hidden)).value()));
    }
  }

  /// Scaled and capped, float32; in the memory of the product where that is float32.
  private Tensor shaped(Tensor product) {
    Tensor wide = product.to(DType.F32);
    if (scale != 1) {
      wide.mulInPlace(scale);
    }
    if (cap != null) {
      wide.mulInPlace(1 / cap).tanhInPlace().mulInPlace(cap);
    }
    return wide;
  }

  /// The derivative of [#shaped] where its result is `logits`; null if it is 1.
  private @Nullable Tensor slope(Tensor logits) {
    if (cap == null) {
      return null;
    }
    return logits.mul(logits).mulInPlace(-scale / (cap * cap)).addInPlace(scale);
  }

  private Var apply(Pass pass, Var rows) {
    Var logits = projection.apply(pass, rows);
    return tokens == null ? logits : tokens.logits(pass.tape(), rows, logits);
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
  /// is accumulated in `hidden` and in whatever of the head is trained.
  ///
  /// @param hidden `[rows, hidden]`
  /// @param labelled I64: the rows that have a label
  /// @param targets I64: their labels
  /// @param lossScale what each token's loss counts, such as 1 / (target tokens of the step)
  /// @param dropoutSeed of an adapter on the head
  /// @return the unscaled sum in nats
  double lossAndGradient(
      Var hidden, Tensor labelled, Tensor targets, double lossScale, @Nullable Long dropoutSeed) {
    double[] sum = {0};
    try (Scope scope = Scope.open()) {
      Tensor rows = hidden.value();
      Tensor dRows = Tensors.zeros(rows.dtype(), rows.shape().toArray());
      forChunks(
          labelled.size(0),
          (from, count) -> {
            Tensor at = labelled.narrow(0, from, count);
            Tensor target = targets.narrow(0, from, count).view(count, 1);
            Var chunk = Var.of(rows.indexSelect(0, at), hidden.needsGrad());
            try (Tape tape = Tape.training()) {
              Long seed = dropoutSeed == null ? null : LoraPair.mix(dropoutSeed ^ from);
              Pass pass = new Pass(tape, 1, Math.toIntExact(count), 0, null, seed, null);
              Var logits = apply(pass, chunk);
              Tensor dLogits = softmaxGradient(logits.value(), target, lossScale, sum);
              if (logits.needsGrad()) {
                logits.accumulate(dLogits);
                tape.backward();
              }
            }
            if (hidden.needsGrad()) {
              dRows.indexCopyInPlace(at, chunk.takeGrad());
            }
          });
      if (hidden.needsGrad()) {
        hidden.accumulate(dRows);
      }
    }
    return sum[0];
  }

  /// `lossScale · (softmax(logits) − onehot(target))`, sent back to the product the logits are made
  /// of, in its dtype; adds the loss to `sum`.
  ///
  /// @param product is overwritten
  private Tensor softmaxGradient(Tensor product, Tensor target, double lossScale, double[] sum) {
    Tensor wide = shaped(product);
    Tensor slope = slope(wide);
    Tensor normaliser = wide.logSumExp(-1);
    sum[0] += normaliser.sub(wide.gather(1, target)).to(DType.F64).sum().item();
    Tensor p = wide.subInPlace(normaliser).expInPlace();
    p.scatterAddInPlace(1, target, Tensors.full(DType.F32, -1, target.size(0), 1));
    if (slope == null) {
      p.mulInPlace(lossScale * scale);
    } else {
      p.mulInPlace(lossScale).mulInPlace(slope);
    }
    return p.to(product.dtype());
  }

  private void forChunks(long rows, Chunk body) {
    long step = Math.max(1, CHUNK_LOGITS / projection.weight().out());
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
