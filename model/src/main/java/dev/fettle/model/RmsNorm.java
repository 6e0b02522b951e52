package dev.fettle.model;

import dev.fettle.engine.FusedSteps;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tape;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Var;
import dev.fettle.tensor.DType;

/// Root-mean-square normalisation with a weight `[features]`, frozen or trained.
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
  private final FusedSteps steps = FusedSteps.best();

  RmsNorm(Gain gain, double eps) {
    this.gain = gain;
    this.eps = eps;
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

  Var apply(Tape tape, Var x) {
    boolean trained = gain instanceof Gain.Trained;
    try (Scope scope = Scope.open()) {
      Tensor y = scope.keep(steps.rmsNorm(x.value(), gain.in(x.value().dtype()), eps));
      Var output = Var.of(y, tape.recording() && (trained || x.needsGrad()));
      if (output.needsGrad()) {
        tape.record(() -> backward(x, output.takeGrad()));
      }
      return output;
    }
  }

  private void backward(Var x, Tensor dy) {
    Tensor input = x.value();
    if (gain instanceof Gain.Trained trained) {
      trained.parameter().accumulate(steps.rmsNormWeightGrad(dy, input, eps));
    }
    if (x.needsGrad()) {
      x.accumulate(steps.rmsNormBackward(dy, input, gain.in(input.dtype()), eps));
    }
  }
}
