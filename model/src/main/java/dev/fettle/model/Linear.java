package dev.fettle.model;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tape;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Var;
import dev.fettle.tensor.DType;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// One projection `y = x · Wᵀ + b`, with an optional low-rank update `+ scale · dropout(x) · Aᵀ ·
/// Bᵀ`.
///
/// The gradient is exact: with `dy` the gradient of `y`, `dx = dy · W + scale · (dy · B) · A`, `dA
/// = scale · (dy · B)ᵀ · x`, `dB = scale · dyᵀ · (x · Aᵀ)`, `dW = dyᵀ · x`, `db = Σ dy`.
public final class Linear {
  private final String path;
  private Weight weight;
  private final @Nullable Bias bias;
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

  public @Nullable LoraPair lora() {
    return lora;
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
    boolean trained = pair != null || rounding != null || weight instanceof Weight.Trained;
    Tape tape = pass.tape();
    try (Scope scope = Scope.open()) {
      Tensor input = x.value();
      if (inputListener != null) {
        inputListener.accept(input);
      }
      InputQuantization.@Nullable Rounded rounded =
          rounding == null ? null : rounding.roundInput(input, tape.recording());
      Tensor y = scratch.multiply(path, rounded == null ? input : rounded.values(), weight);
      if (bias != null) {
        y.addInPlace(bias.in(y.dtype()));
      }
      @Nullable LoraActivations low = pair == null ? null : addLora(scope, pass, input, pair, y);
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

  /// What the update's gradient needs: `low = dropout(x) · Aᵀ`, and the dropped input's mask.
  private record LoraActivations(LoraPair pair, Tensor low, @Nullable Tensor mask) {}

  private static LoraActivations addLora(
      Scope scope, Pass pass, Tensor input, LoraPair pair, Tensor y) {
    boolean dropping = pass.tape().recording() && pair.dropout() > 0;
    Tensor mask = dropping ? pair.dropoutMask(input, pass.dropoutSeed()) : null;
    Tensor a = pair.a().in(input.dtype());
    Tensor b = pair.b().in(input.dtype());
    Tensor low = (mask == null ? input : input.mul(mask)).linear(a);
    y.addmmInPlace(low, b.t(), pair.scale());
    if (pass.tape().recording()) {
      scope.keep(low);
      if (mask != null) {
        scope.keep(mask);
      }
    }
    return new LoraActivations(pair, low, mask);
  }

  private void backward(Var x, Tensor dy, @Nullable LoraActivations low) {
    Tensor input = x.value();
    Tensor dx = x.needsGrad() ? dy.matmul(scratch.materialize(weight)) : null;
    if (low != null) {
      loraBackward(input, dy, low, dx);
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

  private static void loraBackward(
      Tensor input, Tensor dy, LoraActivations low, @Nullable Tensor dx) {
    LoraPair pair = low.pair();
    Tensor a = pair.a().in(dy.dtype());
    Tensor b = pair.b().in(dy.dtype());
    Tensor dLow = dy.matmul(b).mulInPlace(pair.scale());
    pair.b().grad().addInPlace(dy.t().matmul(low.low()), pair.scale());
    Tensor mask = low.mask();
    Tensor dropped = mask == null ? input : input.mul(mask);
    pair.a().accumulate(dLow.t().matmul(dropped));
    if (dx != null) {
      if (mask == null) {
        dx.addmmInPlace(dLow, a, 1);
      } else {
        dx.addcmulInPlace(dLow.matmul(a), mask, 1);
      }
    }
  }
}
