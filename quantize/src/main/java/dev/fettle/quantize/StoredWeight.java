package dev.fettle.quantize;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.Shape;
import org.jspecify.annotations.Nullable;

/// One weight of a checkpoint as a model sees it: a packed weight with its scales counts as one.
///
/// @param shape dimensions of the weight, not of its packed data
/// @param dtype of a weight that is not quantized; of a quantized one the dtype it had before
/// @param scheme number format, or null if the weight is not quantized
/// @param bytes size of everything stored for it
public record StoredWeight(
    String name, Shape shape, DType dtype, @Nullable Scheme scheme, long bytes) {
  public long parameters() {
    return shape.elements();
  }

  /// `float32`, `bfloat16`, … or the scheme.
  public String format() {
    return scheme == null ? dtype.torchName() : scheme.toString();
  }
}
