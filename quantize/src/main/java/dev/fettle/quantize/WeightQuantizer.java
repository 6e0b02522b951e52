package dev.fettle.quantize;

import dev.fettle.tensor.HostTensor;
import java.lang.foreign.SegmentAllocator;

/// Decides the integers of a weight, given its scheme.
@FunctionalInterface
public interface WeightQuantizer {
  /// Rounds every weight to the nearest level.
  static WeightQuantizer roundToNearest() {
    return (module, weight, scheme, allocator) ->
        Quantizer.quantize(module + ".weight", weight, scheme, allocator);
  }

  /// @param module full path of the linear layer
  /// @param weight `[out, in]`
  /// @param allocator where the result may go; it may also have memory of its own
  /// @throws dev.fettle.tensor.UserException if the weight cannot be quantized to this scheme
  QuantizedTensor quantize(
      String module, HostTensor weight, Scheme scheme, SegmentAllocator allocator);
}
