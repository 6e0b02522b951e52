package dev.fettle.model;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.quantize.QuantizedTensor;
import dev.fettle.quantize.matvec.MatVec;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.Shape;

/// One buffer in the compute dtype that every quantized weight of a model is dequantized into just
/// before it is used, so that a frozen base costs its packed bytes plus the largest single weight.
final class Scratch implements AutoCloseable {
  /// Rows up to which a packed weight is not dequantized first. Measured: with one row the product
  /// on packed integers is several times as fast, with four it is not.
  private static final int FEW_ROWS = 1;

  private final Scope scope = Scope.detached();
  private final DType dtype;
  private long capacity;
  private Tensor buffer;

  Scratch(DType dtype) {
    this.dtype = dtype;
    this.buffer = allocate(1);
  }

  private Tensor allocate(long elements) {
    try (Scope.Entered entered = scope.enter()) {
      capacity = elements;
      return Tensors.empty(dtype, elements);
    }
  }

  DType dtype() {
    return dtype;
  }

  /// The weight in the compute dtype, `[out, in]`. What an earlier call returned for a quantized
  /// weight is overwritten.
  Tensor materialize(Weight weight) {
    return switch (weight) {
      case Weight.Dense dense -> dense.value();
      case Weight.Trained trained -> trained.parameter().in(dtype);
      case Weight.Quantized quantized -> dequantize(quantized.value());
      case Weight.IntegerProduct integers -> dequantize(integers.value());
      case Weight.FakeQuantized fake -> rounded(fake.rounding());
    };
  }

  /// `x · weightᵀ`, on integers where the weight is meant for it.
  ///
  /// @param path of the layer, for messages
  /// @param x `[rows, in]` in the compute dtype
  /// @return `[rows, out]` in the compute dtype
  Tensor multiply(String path, Tensor x, Weight weight) {
    return switch (weight) {
      case Weight.IntegerProduct integers -> integers.product().apply(path, x);
      case Weight.Dense dense -> x.linear(materialize(dense));
      case Weight.Trained trained -> x.linear(materialize(trained));
      case Weight.FakeQuantized fake -> x.linear(materialize(fake));
      case Weight.Quantized quantized -> multiplyQuantized(x, quantized);
    };
  }

  /// For few rows reading the weight is what costs, so it is read as it is packed where it can be.
  private Tensor multiplyQuantized(Tensor x, Weight.Quantized weight) {
    MatVec packed = new MatVec(weight.value(), dtype);
    if (x.size(0) > FEW_ROWS || !packed.readsPacked()) {
      return x.linear(materialize(weight));
    }
    int rows = Math.toIntExact(x.size(0));
    int outputs = Math.toIntExact(weight.out());
    float[] y = new float[rows * outputs];
    packed.multiply(x.toFloats(), rows, y);
    try (Scope scope = Scope.open()) {
      return scope.keep(Tensors.of(y, rows, outputs).to(dtype));
    }
  }

  private Tensor dequantize(QuantizedTensor weight) {
    Tensor target = room(weight.shape());
    weight.dequantize(dtype, target.segment());
    return target;
  }

  private Tensor rounded(FakeQuantization rounding) {
    if (!rounding.enabled()) {
      return rounding.stored().to(dtype);
    }
    Tensor target = room(rounding.shape());
    rounding.writeTo(dtype, target.segment());
    return target;
  }

  private Tensor room(Shape shape) {
    long elements = shape.elements();
    if (elements > capacity) {
      buffer.close();
      buffer = allocate(elements);
    }
    return buffer.narrow(0, 0, elements).view(shape.toArray());
  }

  @Override
  public void close() {
    scope.close();
  }
}
