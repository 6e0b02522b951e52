package dev.fettle.quantize;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import java.lang.foreign.SegmentAllocator;
import org.jspecify.annotations.Nullable;

/// Decides the integers of a weight, given its scheme.
@FunctionalInterface
public interface WeightQuantizer {
  /// Rounds every weight to the nearest level; integers get scales in the dtype of the weight.
  static WeightQuantizer roundToNearest() {
    return roundToNearest(null);
  }

  /// Rounds every weight to the nearest level.
  ///
  /// @param scaleDtype what scales of integers are stored in: F32, F16 or BF16; null for the dtype
  ///   of the weight
  static WeightQuantizer roundToNearest(@Nullable DType scaleDtype) {
    return (module, weight, scheme, allocator) ->
        Quantizer.quantize(module + ".weight", weight, scheme, scaleDtype, allocator);
  }

  /// @param module full path of the linear layer
  /// @param weight `[out, in]`
  /// @param allocator where the result may go; it may also have memory of its own
  /// @throws dev.fettle.tensor.UserException if the weight cannot be quantized to this scheme
  QuantizedTensor quantize(
      String module, HostTensor weight, Scheme scheme, SegmentAllocator allocator);
}
