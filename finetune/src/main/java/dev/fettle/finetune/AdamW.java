package dev.fettle.finetune;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.tensor.DType;
import java.util.LinkedHashMap;
import java.util.SequencedMap;

/// AdamW; Loshchilov & Hutter 2017, arXiv:1711.05101, algorithm 2, in the order of operations of
/// `torch.optim.AdamW`:
///
/// ```
/// p ← p · (1 − lr · λ)
/// m ← m + (1 − β₁)(g − m)          v ← β₂ v + (1 − β₂) g²
/// p ← p − lr / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
/// ```
///
/// Both moments are float32.
final class AdamW implements Optimizer {
  /// Elements updated at a time: bounds the temporary memory.
  private static final long CHUNK = 1L << 24;

  private final Scope scope = Scope.detached();
  private final FlatParameters parameters;
  private final TrainingOptions options;
  private final Tensor firstMoments;
  private final Tensor secondMoments;
  private int steps;

  AdamW(FlatParameters parameters, TrainingOptions options) {
    this.parameters = parameters;
    this.options = options;
    long elements = parameters.values().elements();
    try (Scope.Entered entered = scope.enter()) {
      firstMoments = Tensors.zeros(DType.F32, elements);
      secondMoments = Tensors.zeros(DType.F32, elements);
    }
  }

  @Override
  public int steps() {
    return steps;
  }

  @Override
  public void resumeAt(int step) {
    steps = step;
  }

  @Override
  public SequencedMap<String, Tensor> state() {
    SequencedMap<String, Tensor> state = new LinkedHashMap<>();
    state.put("exp_avg", firstMoments);
    state.put("exp_avg_sq", secondMoments);
    return state;
  }

  @Override
  public void step(double learningRate) {
    steps++;
    parameters.decay(1 - learningRate * options.weightDecay());
    long total = parameters.values().elements();
    for (long from = 0; from < total; from += CHUNK) {
      long count = Math.min(CHUNK, total - from);
      try (Scope local = Scope.open()) {
        update(
            parameters.values().narrow(0, from, count),
            parameters.grads().narrow(0, from, count),
            firstMoments.narrow(0, from, count),
            secondMoments.narrow(0, from, count),
            learningRate,
            steps,
            options);
      }
    }
    parameters.valuesChanged();
  }

  /// Step `t` of a run of parameters, without the decay; clears their gradients.
  ///
  /// @param p parameters, `[count]`, like the gradients `g` and the moments `m` and `v`
  static void update(
      Tensor p, Tensor g, Tensor m, Tensor v, double learningRate, int t, TrainingOptions options) {
    double correction1 = 1 - Math.pow(options.adamBeta1(), t);
    double correction2 = Math.sqrt(1 - Math.pow(options.adamBeta2(), t));
    m.lerpInPlace(g, 1 - options.adamBeta1());
    v.mulInPlace(options.adamBeta2()).addcmulInPlace(g, g, 1 - options.adamBeta2());
    Tensor denominator = v.sqrt().divInPlace(correction2).addInPlace(options.adamEpsilon());
    p.addcdivInPlace(m, denominator, -learningRate / correction1);
    g.zeroInPlace();
  }

  @Override
  public void close() {
    scope.close();
  }
}
