package dev.fettle.model;

import dev.fettle.engine.Tensor;

/// A product of activations, quantized on the way, with a packed weight, computed on integers.
///
/// The gradient does not see the rounding of the activations: the product's derivative is the
/// dequantized weight (a straight-through estimate; Bengio et al. 2013, arXiv:1308.3432).
public sealed interface IntegerLinear permits AffineIntegerLinear, LlmInt8Linear {
  /// @param path of the layer, for messages
  /// @param x `[rows, in]`, F32 or BF16
  /// @return `[rows, out]` in the dtype of `x`
  /// @throws dev.fettle.tensor.UserException if an activation is not finite
  Tensor apply(String path, Tensor x);
}
