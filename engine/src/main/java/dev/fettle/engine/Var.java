package dev.fettle.engine;

import org.jspecify.annotations.Nullable;

/// A value that flows through a {@link Tape}, with the gradient that flows back to it.
public final class Var {
  private final Tensor value;
  private final boolean needsGrad;
  private @Nullable Tensor grad;

  private Var(Tensor value, boolean needsGrad) {
    this.value = value;
    this.needsGrad = needsGrad;
  }

  public static Var of(Tensor value, boolean needsGrad) {
    return new Var(value, needsGrad);
  }

  /// A value nobody differentiates.
  public static Var constant(Tensor value) {
    return new Var(value, false);
  }

  public Tensor value() {
    return value;
  }

  /// Whether anything upstream of this value is trained; if not, no gradient is computed for it.
  public boolean needsGrad() {
    return needsGrad;
  }

  /// Adds `part` to the gradient. The tensor is handed over: it may become the gradient itself.
  public void accumulate(Tensor part) {
    if (!needsGrad) {
      throw new IllegalStateException("no gradient is wanted for " + value);
    }
    if (grad == null) {
      grad = part.release();
    } else {
      grad.addInPlace(part);
    }
  }

  /// The gradient, which now belongs to the current scope.
  ///
  /// @throws IllegalStateException if none has arrived
  public Tensor takeGrad() {
    Tensor taken = grad;
    if (taken == null) {
      throw new IllegalStateException("no gradient has reached " + value);
    }
    grad = null;
    return Scope.current().adopt(taken);
  }
}
