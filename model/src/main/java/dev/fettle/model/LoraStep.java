package dev.fettle.model;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.tensor.DType;
import org.jspecify.annotations.Nullable;

/// The low-rank part of one projection in one forward pass, and its gradient.
///
/// LoRA: `y = x · Wᵀ + s · (d · Aᵀ · Bᵀ + c)` with `d = dropout(x)` and `c` PEFT's `lora_bias`.
/// With `dy` the gradient of `y`: `dB = s · dyᵀ · (d · Aᵀ)`, `dc = s · Σ dy`, `dA = s · (dy · B)ᵀ ·
/// d`, `dx = dy · W + s · (dy · B) · A`.
///
/// DoRA, with `v = d · Wᵀ + s · d · Aᵀ · Bᵀ`, `n` the norms and `g = m / n`: `y = x · Wᵀ − d · Wᵀ +
/// g ∘ v`, which without dropout is `g ∘ v`. `dm = Σ dy ∘ v / n`; A, B and `d` get the gradients of
/// LoRA for `g ∘ dy`.
final class LoraStep {
  private final LoraPair pair;
  private final Tensor low;
  private final @Nullable Tensor mask;
  private final @Nullable Dora dora;

  /// @param direction `v`
  /// @param norm `n`, float32
  /// @param gain `g` in the compute dtype
  private record Dora(Tensor direction, Tensor norm, Tensor gain, Parameter magnitude) {}

  private LoraStep(LoraPair pair, Tensor low, @Nullable Tensor mask, @Nullable Dora dora) {
    this.pair = pair;
    this.low = low;
    this.mask = mask;
    this.dora = dora;
  }

  /// Adds the update to `y`; what the gradient needs moves to the enclosing scope.
  ///
  /// @param scope the current one
  /// @param base what else the step needs of the layer
  /// @param input `[rows, in]`
  /// @param y `x · Wᵀ`, without a bias
  static LoraStep apply(Scope scope, Pass pass, Base base, Tensor input, LoraPair pair, Tensor y) {
    Long seed = pass.dropoutSeed();
    Tensor mask = seed != null && pair.dropout() > 0 ? pair.dropoutMask(input, seed) : null;
    Tensor dropped = mask == null ? input : input.mul(mask);
    Tensor low = dropped.linear(pair.a().in(input.dtype()));
    boolean recording = pass.tape().recording();
    Magnitude magnitude = pair.magnitude();
    Dora dora = null;
    if (magnitude == null) {
      y.addmmInPlace(low, pair.b().in(y.dtype()).t(), pair.scale());
      Parameter bias = pair.bias();
      if (bias != null) {
        y.addInPlace(bias.in(y.dtype()), pair.scale());
      }
    } else {
      dora = decompose(base, recording, mask == null ? null : dropped, low, pair, magnitude, y);
    }
    if (recording) {
      scope.keep(low);
      if (mask != null) {
        scope.keep(mask);
      }
      if (dora != null) {
        scope.keep(dora.direction());
        scope.keep(dora.norm());
        scope.keep(dora.gain());
      }
    }
    return new LoraStep(pair, low, mask, dora);
  }

  /// The layer a step belongs to.
  interface Base {
    /// `x · Wᵀ`
    Tensor multiply(Tensor x);

    /// `W`, valid until the next weight is asked for.
    Tensor weight();
  }

  private static Dora decompose(
      Base base,
      boolean recording,
      @Nullable Tensor dropped,
      Tensor low,
      LoraPair pair,
      Magnitude magnitude,
      Tensor y) {
    Tensor norm = magnitude.norm(base::weight, pair);
    Tensor gain = magnitude.vector().value().div(norm).to(y.dtype());
    Tensor b = pair.b().in(y.dtype());
    if (dropped == null) {
      y.addmmInPlace(low, b.t(), pair.scale());
      Tensor direction = recording ? y.copy() : y;
      y.mulInPlace(gain);
      return new Dora(direction, norm, gain, magnitude.vector());
    }
    Tensor direction = base.multiply(dropped);
    y.addInPlace(direction, -1);
    direction.addmmInPlace(low, b.t(), pair.scale());
    y.addcmulInPlace(direction, gain, 1);
    return new Dora(direction, norm, gain, magnitude.vector());
  }

  /// Adds the gradients of A, B and the magnitude.
  ///
  /// @param input `x`
  /// @param weight `W`, or null if the gradient of `x` is not wanted
  /// @return that of `x`, or null
  @Nullable Tensor backward(Tensor input, Tensor dy, @Nullable Tensor weight) {
    Tensor scaled = dora == null ? dy : dy.mul(dora.gain());
    if (dora != null) {
      Tensor product = dy.to(DType.F32).mul(dora.direction().to(DType.F32));
      dora.magnitude().accumulate(product.sum(0, false).div(dora.norm()));
    }
    Tensor a = pair.a().in(dy.dtype());
    Tensor b = pair.b().in(dy.dtype());
    Tensor dLow = scaled.matmul(b).mulInPlace(pair.scale());
    pair.b().grad().addInPlace(scaled.t().matmul(low), pair.scale());
    Parameter bias = pair.bias();
    if (bias != null) {
      bias.grad().addInPlace(dy.to(DType.F32).sum(0, false), pair.scale());
    }
    Tensor dropped = mask == null ? input : input.mul(mask);
    pair.a().accumulate(dLow.t().matmul(dropped));
    return weight == null ? null : inputGradient(dy, scaled, dLow, a, weight);
  }

  private Tensor inputGradient(Tensor dy, Tensor scaled, Tensor dLow, Tensor a, Tensor weight) {
    if (mask == null) {
      return scaled.matmul(weight).addmmInPlace(dLow, a, 1);
    }
    Tensor dx = dy.matmul(weight);
    Tensor dDropped = dLow.matmul(a);
    if (dora != null) {
      dDropped.addInPlace(scaled.sub(dy).matmul(weight));
    }
    return dx.addcmulInPlace(dDropped, mask, 1);
  }
}
