package dev.fettle.model;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.tensor.DType;

/// The low-rank update of one projection, `ΔW = scale · B · A`; Hu et al. 2021, arXiv:2106.09685,
/// section 4.1.
///
/// @param a `[r, in]`
/// @param b `[out, r]`
/// @param scale `lora_alpha / r`, or `lora_alpha / sqrt(r)` for rsLoRA
/// @param dropout probability that an input of A is zeroed while training
/// @param dropoutKey tells this projection's dropout masks from those of others
public record LoraPair(Parameter a, Parameter b, double scale, double dropout, long dropoutKey) {

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
  private static long mix(long value) {
    long z = value + 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
