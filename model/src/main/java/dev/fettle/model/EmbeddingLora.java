package dev.fettle.model;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tape;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Var;
import dev.fettle.tensor.DType;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// The low-rank part of an embedding: `y = W[ids] + s · Aᵀ[ids] · Bᵀ` with A `[r, vocab]` and B
/// `[hidden, r]`; with DoRA the sum times `m / n`, `n` the norms of the columns of the adapted
/// weight.
final class EmbeddingLora {
  private EmbeddingLora() {}

  /// @param weight gives `[vocab, hidden]`
  /// @param ids I64 `[rows]`, alive until the gradient has passed
  /// @param base `W[ids]`, `[rows, hidden]`; frozen
  /// @return in the memory of `base`
  static Var apply(Tape tape, Supplier<Tensor> weight, Tensor ids, LoraPair pair, Var base) {
    try (Scope scope = Scope.open()) {
      Tensor y = base.value();
      Tensor low = pair.a().value().indexSelect(1, ids).t().to(y.dtype());
      y.addmmInPlace(low, pair.b().in(y.dtype()).t(), pair.scale());
      Magnitude magnitude = pair.magnitude();
      Tensor direction = null;
      Tensor norm = null;
      if (magnitude != null) {
        norm = magnitude.norm(() -> weight.get().t(), pair);
        direction = tape.recording() ? y.copy() : null;
        y.mulInPlace(magnitude.vector().value().div(norm).to(y.dtype()));
      }
      Var output = Var.of(y, tape.recording());
      if (tape.recording()) {
        Saved saved =
            new Saved(
                scope.keep(low),
                direction == null ? null : scope.keep(direction),
                norm == null ? null : scope.keep(norm));
        tape.record(() -> backward(ids, pair, saved, output.takeGrad()));
      }
      return output;
    }
  }

  private record Saved(Tensor low, @Nullable Tensor direction, @Nullable Tensor norm) {}

  private static void backward(Tensor ids, LoraPair pair, Saved saved, Tensor dy) {
    Tensor wide = dy.to(DType.F32);
    Magnitude magnitude = pair.magnitude();
    if (magnitude != null && saved.direction() != null && saved.norm() != null) {
      Tensor product = wide.mul(saved.direction().to(DType.F32));
      magnitude.vector().accumulate(product.sum(0, false).div(saved.norm()));
      wide = wide.mul(magnitude.vector().value().div(saved.norm()));
    }
    Tensor b = pair.b().value();
    pair.b().grad().addInPlace(wide.t().matmul(saved.low().to(DType.F32)), pair.scale());
    pair.a().grad().t().indexAddInPlace(ids, wide.matmul(b).mulInPlace(pair.scale()));
  }
}
