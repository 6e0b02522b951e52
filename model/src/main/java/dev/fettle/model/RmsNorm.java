package dev.fettle.model;

import dev.fettle.engine.FusedSteps;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tape;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Var;
import dev.fettle.tensor.DType;

/// Root-mean-square normalisation with a weight `[features]`, frozen or trained; the gain is the
/// weight or, in gemma, 1 + weight.
///
/// A norm of fewer features than its input has normalises each group of so many, such as the heads
/// of a projection.
final class RmsNorm {
  /// The weight of a norm.
  sealed interface Gain {
    record Frozen(Tensor value) implements Gain {}

    record Trained(Parameter parameter) implements Gain {}

    default Tensor in(DType dtype) {
      return switch (this) {
        case Frozen frozen -> frozen.value().to(dtype);
        case Trained trained -> trained.parameter().in(dtype);
      };
    }
  }

  private Gain gain;
  private final double eps;
  private final boolean onePlus;
  private final FusedSteps steps = FusedSteps.best();

  /// @param onePlus whether the gain is 1 + weight
  RmsNorm(Gain gain, double eps, boolean onePlus) {
    this.gain = gain;
    this.eps = eps;
    this.onePlus = onePlus;
  }

  Gain gain() {
    return gain;
  }

  void gain(Gain replacement) {
    gain = replacement;
  }

  /// The weight of a norm that is not trained.
  Tensor frozen() {
    return switch (gain) {
      case Gain.Frozen frozen -> frozen.value();
      case Gain.Trained trained ->
          throw new IllegalStateException(trained.parameter().name() + " is trained");
    };
  }

  /// Replaces the weight by another that is not trained, of the same length.
  void frozen(Tensor weight) {
    if (!weight.shape().equals(frozen().shape())) {
      throw new IllegalArgumentException(
          "a norm of " + frozen().shape() + " cannot take " + weight.shape());
    }
    gain = new Gain.Frozen(weight);
  }

  /// @param x `[rows, n · features]`
  /// @return same shape
  Var apply(Tape tape, Var x) {
    boolean trained = gain instanceof Gain.Trained;
    try (Scope scope = Scope.open()) {
      Tensor input = x.value();
      Tensor weight = gain.in(input.dtype());
      Tensor y = steps.rmsNorm(groups(input, weight), weight, eps, onePlus);
      Var output =
          Var.of(
              scope.keep(y.view(input.shape().toArray())),
              tape.recording() && (trained || x.needsGrad()));
      if (output.needsGrad()) {
        tape.record(() -> backward(x, output.takeGrad()));
      }
      return output;
    }
  }

  private void backward(Var x, Tensor dOutput) {
    Tensor weight = gain.in(x.value().dtype());
    Tensor input = groups(x.value(), weight);
    Tensor dy = groups(dOutput, weight);
    if (gain instanceof Gain.Trained trained) {
      trained.parameter().accumulate(steps.rmsNormWeightGrad(dy, input, eps));
    }
    if (x.needsGrad()) {
      Tensor dx = steps.rmsNormBackward(dy, input, weight, eps, onePlus);
      x.accumulate(dx.view(x.value().shape().toArray()));
    }
  }

  private static Tensor groups(Tensor x, Tensor weight) {
    return x.view(-1, weight.size(0));
  }
}
