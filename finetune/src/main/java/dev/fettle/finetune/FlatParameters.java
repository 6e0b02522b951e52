package dev.fettle.finetune;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.model.Parameter;
import dev.fettle.tensor.DType;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// All trained parameters, and their gradients, in two contiguous float32 buffers, matrices before
/// vectors, so that the optimizer is a handful of operations however many parameters there are.
public final class FlatParameters implements AutoCloseable {
  /// Elements squared at a time: bounds the temporary memory.
  private static final long CHUNK = 1L << 24;

  private final Scope scope = Scope.detached();
  private final List<Parameter> parameters;
  private final Tensor values;
  private final Tensor grads;
  private final long matrixElements;
  private final @Nullable Tensor shadow;

  /// @param unordered the parameters; their values are moved into the buffer
  /// @param computeDtype in which they are used; for a 16-bit one a copy is kept beside the float32
  ///   masters
  public FlatParameters(List<Parameter> unordered, DType computeDtype) {
    this.parameters =
        unordered.stream()
            .sorted((p, q) -> Boolean.compare(isVector(p), isVector(q))) // stable
            .toList();
    long total = count(parameters);
    this.matrixElements = count(parameters.stream().filter(p -> !isVector(p)).toList());
    try (Scope.Entered entered = scope.enter()) {
      values = Tensors.empty(DType.F32, total);
      grads = Tensors.zeros(DType.F32, total);
      shadow = computeDtype == DType.F32 ? null : Tensors.empty(computeDtype, total);
      long at = 0;
      for (Parameter parameter : parameters) {
        long[] shape = parameter.value().shape().toArray();
        long elements = parameter.value().elements();
        Tensor value = values.narrow(0, at, elements).view(shape);
        value.copyInPlace(parameter.value());
        parameter.value().close(); // the flat buffer holds it now
        parameter.bind(value, grads.narrow(0, at, elements).view(shape));
        if (shadow != null) {
          parameter.bindShadow(shadow.narrow(0, at, elements).view(shape));
        }
        at += elements;
      }
    }
    valuesChanged();
  }

  /// Brings the 16-bit copies up to date; to be called after every change of the values.
  void valuesChanged() {
    if (shadow != null) {
      shadow.copyInPlace(values);
    }
  }

  /// The Euclidean norm of all gradients together.
  public double gradNorm() {
    double squares = 0;
    for (long from = 0; from < grads.elements(); from += CHUNK) {
      try (Scope local = Scope.open()) {
        Tensor g = grads.narrow(0, from, Math.min(CHUNK, grads.elements() - from));
        squares += g.mul(g).sum().item();
      }
    }
    return Math.sqrt(squares);
  }

  /// Scales the gradients so that their norm is at most `maxNorm`, as
  /// `torch.nn.utils.clip_grad_norm_`; 0 does not clip.
  public void clipGrads(double norm, double maxNorm) {
    double factor = maxNorm / (norm + 1e-6);
    if (maxNorm > 0 && factor < 1) {
      grads.mulInPlace(factor);
    }
  }

  /// Multiplies the matrices.
  void decay(double factor) {
    if (factor != 1 && matrixElements > 0) {
      try (Scope local = Scope.open()) {
        values.narrow(0, 0, matrixElements).mulInPlace(factor);
      }
    }
  }

  private static boolean isVector(Parameter parameter) {
    return parameter.value().rank() < 2;
  }

  private static long count(List<Parameter> parameters) {
    return parameters.stream().mapToLong(p -> p.value().elements()).sum();
  }

  /// In the order of the buffers.
  List<Parameter> parameters() {
    return parameters;
  }

  Tensor values() {
    return values;
  }

  Tensor grads() {
    return grads;
  }

  /// Elements of the matrices, which come first; only they decay.
  long matrixElements() {
    return matrixElements;
  }

  /// Frees the buffers; the parameters are unusable after that.
  @Override
  public void close() {
    scope.close();
  }
}
