package dev.fettle.model;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.tensor.DType;
import org.jspecify.annotations.Nullable;

/// A trained tensor: its float32 master value and, while training, its float32 gradient.
public final class Parameter {
  /// Numbers of a gradient that are converted at a time.
  private static final long CHUNK = 1L << 22;

  private final String name;
  private Tensor value;
  private @Nullable Tensor grad;
  private @Nullable Tensor shadow;
  private @Nullable DType stored;

  /// @param name the tensor's name in a checkpoint or adapter file
  /// @param value float32
  public Parameter(String name, Tensor value) {
    if (value.dtype() != DType.F32) {
      throw new IllegalArgumentException(name + " must be float32, is " + value.dtype());
    }
    this.name = name;
    this.value = value;
  }

  public String name() {
    return name;
  }

  public Tensor value() {
    return value;
  }

  /// The value in the compute dtype: itself, the optimizer's copy, or a conversion.
  Tensor in(DType dtype) {
    if (stored != null && stored != DType.F32 && stored != dtype) {
      return value.to(stored).to(dtype);
    }
    Tensor copy = shadow;
    return copy != null && copy.dtype() == dtype ? copy : value.to(dtype);
  }

  /// Some rows in the compute dtype.
  ///
  /// @param ids I64
  Tensor rows(Tensor ids, DType dtype) {
    Tensor rows = value.indexSelect(0, ids);
    return (stored == null ? rows : rows.to(stored)).to(dtype);
  }

  /// From now on the parameter is used as a checkpoint in `dtype` would give it back; null uses its
  /// full precision again.
  public void storedAs(@Nullable DType dtype) {
    stored = dtype;
  }

  /// Gives the parameter a copy in a 16-bit dtype, which the owner keeps equal to the value.
  public void bindShadow(Tensor copy) {
    shadow = copy;
  }

  /// Points the parameter at other memory of the same shape, such as its part of the optimizer's
  /// buffer.
  public void bind(Tensor newValue, Tensor newGrad) {
    if (!newValue.shape().equals(value.shape()) || !newGrad.shape().equals(value.shape())) {
      throw new IllegalArgumentException(name + " has shape " + value.shape());
    }
    value = newValue;
    grad = newGrad;
  }

  /// Whether a gradient buffer was bound, that is, whether the value may change.
  boolean isTrained() {
    return grad != null;
  }

  /// The sum of the gradients since the optimizer last cleared it.
  ///
  /// @throws IllegalStateException if no gradient buffer was bound
  public Tensor grad() {
    if (grad == null) {
      throw new IllegalStateException(name + " has no gradient buffer; bind one before training");
    }
    return grad;
  }

  /// Adds `part`, of any float dtype, to the gradient. LibTorch converts another dtype before it
  /// adds, so that is done some rows at a time.
  void accumulate(Tensor part) {
    Tensor sum = grad();
    if (part.dtype() == sum.dtype() || part.rank() < 2) {
      sum.addInPlace(part);
      return;
    }
    long rows = part.size(0);
    long step = Math.max(1, CHUNK / part.size(1));
    for (long from = 0; from < rows; from += step) {
      try (Scope local = Scope.open()) {
        long count = Math.min(step, rows - from);
        sum.narrow(0, from, count).addInPlace(part.narrow(0, from, count));
      }
    }
  }
}
