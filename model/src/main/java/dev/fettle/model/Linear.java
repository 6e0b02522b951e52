package dev.fettle.model;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tape;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Var;
import dev.fettle.tensor.DType;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// One projection `y = x · Wᵀ + b`, with an optional low-rank update (see {@link LoraStep}).
///
/// The gradient is exact: with `dy` the gradient of `y`, `dx = dy · W`, `dW = dyᵀ · x`, `db = Σ
/// dy`.
public final class Linear {
  private final String path;
  private Weight weight;
  private @Nullable Bias bias;
  private final Scratch scratch;
  private @Nullable LoraPair lora;
  private boolean loraEnabled = true;
  private @Nullable Consumer<Tensor> inputListener;

  Linear(String path, Weight weight, @Nullable Bias bias, Scratch scratch) {
    this.path = path;
    this.weight = weight;
    this.bias = bias;
    this.scratch = scratch;
  }

  /// The bias of a projection, `[out]`: frozen in the compute dtype, or trained.
  sealed interface Bias {
    record Frozen(Tensor value) implements Bias {}

    record Trained(Parameter parameter) implements Bias {}

    default Tensor in(DType dtype) {
      return switch (this) {
        case Frozen frozen -> frozen.value();
        case Trained trained -> trained.parameter().in(dtype);
      };
    }
  }

  /// The module's path in Hugging Face's naming, such as `model.layers.0.self_attn.q_proj`.
  public String path() {
    return path;
  }

  public Weight weight() {
    return weight;
  }

  /// Puts another weight of the same shape in place; whoever does it owns its memory.
  public void weight(Weight replacement) {
    if (replacement.out() != weight.out() || replacement.in() != weight.in()) {
      throw new IllegalArgumentException(
          "%s is [%d, %d], not [%d, %d]"
              .formatted(path, weight.out(), weight.in(), replacement.out(), replacement.in()));
    }
    weight = replacement;
  }

  /// Shows the layer's input, `[rows, in]` in the compute dtype, to `listener` at each forward
  /// pass; the tensor is the layer's own and is valid during the call only. Null stops it.
  public void observe(@Nullable Consumer<Tensor> listener) {
    inputListener = listener;
  }

  @Nullable Bias bias() {
    return bias;
  }

  /// Puts another bias of the same length in place.
  void bias(Bias replacement) {
    if (bias == null) {
      throw new IllegalArgumentException(path + " has no bias");
    }
    bias = replacement;
  }

  public @Nullable LoraPair lora() {
    return lora;
  }

  /// `‖W + scale · B · A‖` of each output feature, `[out]` float32: where DoRA's magnitude starts.
  public Tensor adaptedNorms(Tensor a, Tensor b, double scale) {
    return Magnitude.rowNorms(scratch.materialize(weight), a, b, scale);
  }

  /// Attaches a low-rank update, or takes it away.
  public void lora(@Nullable LoraPair pair) {
    lora = pair;
  }

  /// Switches the low-rank update off without detaching it, to compare with the base.
  public void loraEnabled(boolean enabled) {
    loraEnabled = enabled;
  }

  /// @param x `[rows, in]`
  /// @return `[rows, out]`
  Var apply(Pass pass, Var x) {
    @Nullable FakeQuantization rounding =
        weight instanceof Weight.FakeQuantized fake ? fake.rounding() : null;
    // where the weight is rounded, its low-rank update is rounded with it
    LoraPair pair = loraEnabled && rounding == null ? lora : null;
    boolean trained =
        pair != null
            || rounding != null
            || weight instanceof Weight.Trained
            || bias instanceof Bias.Trained;
    Tape tape = pass.tape();
    try (Scope scope = Scope.open()) {
      Tensor input = x.value();
      if (inputListener != null) {
        inputListener.accept(input);
      }
      InputQuantization.@Nullable Rounded rounded =
          rounding == null ? null : rounding.roundInput(input, tape.recording());
      Tensor y = scratch.multiply(path, rounded == null ? input : rounded.values(), weight);
      @Nullable LoraStep low = addUpdate(scope, pass, input, pair, y);
      scope.keep(y);
      Var output = Var.of(y, tape.recording() && (trained || x.needsGrad()));
      if (output.needsGrad()) {
        if (rounding == null) {
          tape.record(() -> backward(x, output.takeGrad(), low));
        } else {
          if (rounded != null) {
            rounded.keep(scope);
          }
          tape.record(() -> roundedBackward(x, output.takeGrad(), rounding, rounded));
        }
      }
      return output;
    }
  }

  /// The bias, and the low-rank update: the bias of DoRA is not scaled by its magnitude.
  private @Nullable LoraStep addUpdate(
      Scope scope, Pass pass, Tensor input, @Nullable LoraPair pair, Tensor y) {
    boolean dora = pair != null && pair.magnitude() != null;
    if (bias != null && !dora) {
      y.addInPlace(bias.in(y.dtype()));
    }
    LoraStep low =
        pair == null ? null : LoraStep.apply(scope, pass, new BaseWeight(), input, pair, y);
    if (bias != null && dora) {
      y.addInPlace(bias.in(y.dtype()));
    }
    return low;
  }

  private final class BaseWeight implements LoraStep.Base {
    @Override
    public Tensor multiply(Tensor x) {
      return scratch.multiply(path, x, weight);
    }

    @Override
    public Tensor weight() {
      return scratch.materialize(weight);
    }
  }

  private void backward(Var x, Tensor dy, @Nullable LoraStep low) {
    Tensor input = x.value();
    Tensor base = x.needsGrad() ? scratch.materialize(weight) : null;
    Tensor dx;
    if (low == null) {
      dx = base == null ? null : dy.matmul(base);
    } else {
      dx = low.backward(input, dy, base);
    }
    if (weight instanceof Weight.Trained trained) {
      trained.parameter().accumulate(dy.t().matmul(input));
    }
    if (bias instanceof Bias.Trained trainedBias) {
      trainedBias.parameter().accumulate(dy.to(DType.F32).sum(0, false));
    }
    if (dx != null) {
      x.accumulate(dx);
    }
  }

  /// Straight through the rounding of weight and input.
  private void roundedBackward(
      Var x, Tensor dy, FakeQuantization rounding, InputQuantization.@Nullable Rounded rounded) {
    if (x.needsGrad()) {
      Tensor dx = dy.matmul(scratch.materialize(weight));
      if (rounded != null && rounded.inside() instanceof Tensor inside) {
        dx.mulInPlace(inside);
      }
      x.accumulate(dx);
    }
    Tensor input = rounded == null ? x.value() : rounded.values();
    rounding.backward(dy.t().matmul(input));
    if (bias instanceof Bias.Trained trainedBias) {
      trainedBias.parameter().accumulate(dy.to(DType.F32).sum(0, false));
    }
  }
}
