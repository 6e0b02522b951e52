package dev.fettle.export;

import dev.fettle.quantize.TensorError;

/// One weight after a conversion.
///
/// @param name in the model, such as `model.layers.0.mlp.up_proj.weight`
/// @param from format before, such as `int4:sym:group=128` or `float16`
/// @param to format after
/// @param error of the numbers after against those before; both as float32
public record ConvertedTensor(String name, String from, String to, TensorError error) {
  /// Whether every number is the same.
  public boolean exact() {
    return error.maxAbs() == 0;
  }
}
