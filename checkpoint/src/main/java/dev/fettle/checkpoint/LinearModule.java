package dev.fettle.checkpoint;

import dev.fettle.tensor.Shape;

/// One linear layer of a model: `y = x · Wᵀ (+ b)`.
///
/// @param name module path, such as `model.layers.0.self_attn.q_proj`
/// @param inFeatures columns of the weight
/// @param outFeatures rows of the weight
/// @param bias whether there is a bias `[outFeatures]`
public record LinearModule(String name, int inFeatures, int outFeatures, boolean bias) {
  public String weightName() {
    return name + ".weight";
  }

  public String biasName() {
    return name + ".bias";
  }

  /// `[outFeatures, inFeatures]`, as PyTorch stores it.
  public Shape weightShape() {
    return Shape.of(outFeatures, inFeatures);
  }

  /// The last part of the name, such as `q_proj`; what `target_modules` usually lists.
  public String shortName() {
    return name.substring(name.lastIndexOf('.') + 1);
  }
}
