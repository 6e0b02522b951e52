package dev.fettle.calibrate.budget;

import dev.fettle.tensor.Shape;
import java.util.List;

/// The schemes that a layer may have.
///
/// @param path the layer, such as `model.layers.0.mlp.up_proj`
/// @param shape of its weight
/// @param options at least one, from small to large
public record LayerOptions(String path, Shape shape, List<Option> options) {
  public LayerOptions {
    if (options.isEmpty()) {
      throw new IllegalArgumentException(path + " has no options");
    }
    options = List.copyOf(options);
  }

  /// The fewest bytes the layer can take.
  long smallest() {
    return options.getFirst().bytes();
  }
}
