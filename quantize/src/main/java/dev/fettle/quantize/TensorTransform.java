package dev.fettle.quantize;

import dev.fettle.tensor.HostTensor;
import java.lang.foreign.SegmentAllocator;

/// Changes a checkpoint's tensors before they are written or quantized, for example to fold scales
/// into norms.
@FunctionalInterface
public interface TensorTransform {
  /// Leaves every tensor as it is.
  static TensorTransform none() {
    return (name, tensor, allocator) -> tensor;
  }

  /// @param name in the checkpoint, such as `model.norm.weight`
  /// @return a tensor of the same dtype and shape, or `tensor` itself
  HostTensor transform(String name, HostTensor tensor, SegmentAllocator allocator);
}
