package dev.fettle.finetune;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.tensor.DType;

/// AdamW; Loshchilov & Hutter 2017, arXiv:1711.05101, algorithm 2, in the order of operations of
/// `torch.optim.AdamW`:
///
/// ```
/// p ← p · (1 − lr · λ)
/// m ← m + (1 − β₁)(g − m)          v ← β₂ v + (1 − β₂) g²
/// p ← p − lr / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
/// ```
public final class AdamW implements AutoCloseable {
  /// Elements updated at a time: bounds the temporary memory.
  private static final long CHUNK = 1L << 24;

  private final Scope scope = Scope.detached();
  private final FlatParameters parameters;
  private final TrainingOptions options;
  private final Tensor firstMoments;
  private final Tensor secondMoments;
  private int steps;

  public AdamW(FlatParameters parameters, TrainingOptions options) {
    this.parameters = parameters;
    this.options = options;
    long elements = parameters.values().elements();
    try (Scope.Entered entered = scope.enter()) {
      firstMoments = Tensors.zeros(DType.F32, elements);
      secondMoments = Tensors.zeros(DType.F32, elements);
    }
  }

  Tensor firstMoments() {
    return firstMoments;
  }

  Tensor secondMoments() {
    return secondMoments;
  }

  /// Steps taken so far.
  public int steps() {
    return steps;
  }

  /// Goes on after this many steps, with moments restored by the caller.
  void resumeAt(int step) {
    steps = step;
  }

  /// The Euclidean norm of all gradients together.
  public double gradNorm() {
    double[] squares = {0};
    forChunks((from, count) -> {
      Tensor g = parameters.grads().narrow(0, from, count);
      squares[0] += g.mul(g).sum().item();
    });
    return Math.sqrt(squares[0]);
  }

  /// Scales the gradients so that their norm is at most `maxNorm`, as
  /// `torch.nn.utils.clip_grad_norm_`.
  public void clip(double norm, double maxNorm) {
    double factor = maxNorm / (norm + 1e-6);
    if (maxNorm > 0 && factor < 1) {
      parameters.grads().mulInPlace(factor);
    }
  }

  /// Updates every parameter and clears the gradients.
  public void step(double learningRate) {
    steps++;
    double correction1 = 1 - Math.pow(options.adamBeta1(), steps);
    double correction2 = Math.sqrt(1 - Math.pow(options.adamBeta2(), steps));
    decay(learningRate);
    forChunks((from, count) -> {
      Tensor g = parameters.grads().narrow(0, from, count);
      Tensor m = firstMoments.narrow(0, from, count);
      Tensor v = secondMoments.narrow(0, from, count);
      m.lerpInPlace(g, 1 - options.adamBeta1());
      v.mulInPlace(options.adamBeta2()).addcmulInPlace(g, g, 1 - options.adamBeta2());
      Tensor denominator = v.sqrt().divInPlace(correction2).addInPlace(options.adamEpsilon());
      parameters
          .values()
          .narrow(0, from, count)
          .addcdivInPlace(m, denominator, -learningRate / correction1);
      g.zeroInPlace();
    });
    parameters.valuesChanged();
  }

  private void decay(double learningRate) {
    if (options.weightDecay() > 0 && parameters.matrixElements() > 0) {
      try (Scope local = Scope.open()) {
        parameters
            .values()
            .narrow(0, 0, parameters.matrixElements())
            .mulInPlace(1 - learningRate * options.weightDecay());
      }
    }
  }

  private void forChunks(Chunk body) {
    long total = parameters.values().elements();
    for (long from = 0; from < total; from += CHUNK) {
      try (Scope local = Scope.open()) {
        body.accept(from, Math.min(CHUNK, total - from));
      }
    }
  }

  private interface Chunk {
    void accept(long from, long count);
  }

  @Override
  public void close() {
    scope.close();
  }
}
