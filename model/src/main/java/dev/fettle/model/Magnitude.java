package dev.fettle.model;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.tensor.DType;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// DoRA's magnitude `m`, one number per output feature: the adapted weight is `m / ‖W + scale · B ·
/// A‖ · (W + scale · B · A)`, the norm taken of each output feature's weights; Liu et al. 2024,
/// arXiv:2402.09353, equation 5.
///
/// As in the paper's section 4.3 and in PEFT the norm counts as a constant in the backward pass.
public final class Magnitude {
  /// Weights normed at a time: bounds the temporary memory.
  private static final long CHUNK = 1L << 22;

  private final Parameter vector;
  private float @Nullable [] frozenNorm;

  /// @param vector `[out]`
  public Magnitude(Parameter vector) {
    this.vector = vector;
  }

  public Parameter vector() {
    return vector;
  }

  /// The norms, `[out]` float32. Those of an adapter that is not being trained are computed once.
  ///
  /// @param weight gives `[out, in]`, any float dtype
  Tensor norm(Supplier<Tensor> weight, LoraPair pair) {
    if (frozenNorm != null && !vector.isTrained()) {
      return Tensors.of(frozenNorm, frozenNorm.length);
    }
    Tensor norm = rowNorms(weight.get(), pair.a().value(), pair.b().value(), pair.scale());
    frozenNorm = vector.isTrained() ? null : norm.toFloats();
    return norm;
  }

  /// `‖W + scale · B · A‖` of each row.
  ///
  /// @param weight `[out, in]`, any float dtype
  /// @param a `[r, in]`, float32
  /// @param b `[out, r]`, float32
  /// @return `[out]`, float32
  public static Tensor rowNorms(Tensor weight, Tensor a, Tensor b, double scale) {
    long rows = weight.size(0);
    long step = Math.max(1, CHUNK / weight.size(1));
    try (Scope scope = Scope.open()) {
      Tensor norms = Tensors.empty(DType.F32, rows);
      for (long from = 0; from < rows; from += step) {
        try (Scope chunk = Scope.open()) {
          long count = Math.min(step, rows - from);
          Tensor part = weight.narrow(0, from, count);
          Tensor sum = part.dtype() == DType.F32 ? part.copy() : part.to(DType.F32);
          sum.addmmInPlace(b.narrow(0, from, count), a, scale);
          norms.narrow(0, from, count).copyInPlace(sum.mulInPlace(sum).sum(1, false).sqrt());
        }
      }
      return scope.keep(norms);
    }
  }
}
