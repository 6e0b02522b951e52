package dev.fettle.model;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.tensor.DType;
import org.jspecify.annotations.Nullable;

/// The low-rank update of one projection, `ΔW = scale · B · A`; Hu et al. 2021, arXiv:2106.09685,
/// section 4.1. Of an embedding, whose weight is `[vocab, hidden]`, it is `ΔW = scale · (B · A)ᵀ`.
///
/// @param a `[r, in]`; of an embedding `[r, vocab]`
/// @param b `[out, r]`; of an embedding `[hidden, r]`
/// @param bias `[out]`, added to `B · A · x` before it is scaled (PEFT's `lora_bias`); or null
/// @param magnitude makes it DoRA; or null
/// @param scale `lora_alpha / r`, or `lora_alpha / sqrt(r)` for rsLoRA
/// @param dropout probability that an input of A is zeroed while training
/// @param dropoutKey tells this projection's dropout masks from those of others
public record LoraPair(
    Parameter a,
    Parameter b,
    @Nullable Parameter bias,
    @Nullable Magnitude magnitude,
    double scale,
    double dropout,
    long dropoutKey) {

  /// @throws IllegalArgumentException for a bias beside a magnitude, which PEFT refuses too
  public LoraPair {
    if (bias != null && magnitude != null) {
      throw new IllegalArgumentException("DoRA has no lora_bias: " + bias.name());
    }
  }

  /// Plain LoRA.
  public LoraPair(Parameter a, Parameter b, double scale, double dropout, long dropoutKey) {
    this(a, b, null, null, scale, dropout, dropoutKey);
  }

  public long rank() {
    return a.value().size(0);
  }

  /// The dropout mask of one micro-batch, already divided by the keep probability. It depends on
  /// the seed and the projection alone, so a recomputed or resumed step draws the same one.
  Tensor dropoutMask(Tensor x, long seed) {
    try (Scope scope = Scope.open()) {
      long key = mix(seed ^ mix(dropoutKey));
      Tensor uniform = Tensors.uniform(key, x.size(0), x.size(1));
      Tensor keep = uniform.lessThan(1 - dropout).to(DType.F32).mulInPlace(1 / (1 - dropout));
      return scope.keep(keep.to(x.dtype()));
    }
  }

  /// The finaliser of SplitMix64; Steele, Lea & Flood 2014, figure 16.
  static long mix(long value) {
    long z = value + 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
