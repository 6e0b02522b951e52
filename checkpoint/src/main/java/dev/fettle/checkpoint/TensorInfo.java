package dev.fettle.checkpoint;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.Shape;

/// What a checkpoint says about one tensor.
///
/// @param name full name, such as `model.layers.0.self_attn.q_proj.weight`
/// @param dtype element type as stored
/// @param shape dimensions as stored, outermost first; `[]` is a scalar
public record TensorInfo(String name, DType dtype, Shape shape) {
  /// Size of the data in bytes.
  ///
  /// @throws ArithmeticException if it does not fit 63 bits
  public long bytes() {
    return Math.multiplyExact(shape.elements(), dtype.bytes());
  }
}
