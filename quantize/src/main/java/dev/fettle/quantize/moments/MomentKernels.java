package dev.fettle.quantize.moments;

import dev.fettle.tensor.kernel.Kernels;
import java.lang.foreign.MemorySegment;

/// AdamW on moments in 8 bits: dequantize, update, apply to the parameters, quantize again, in one
/// pass over the memory. Both members of the pair give the same bits.
public sealed interface MomentKernels permits ScalarMomentKernels, VectorMomentKernels {
  /// The pair's member in use.
  static MomentKernels get() {
    return Holder.KERNELS;
  }

  /// Keeps the choice out of the interface's own initialisation.
  final class Holder {
    private static final MomentKernels KERNELS =
        Kernels.select(() -> new VectorMomentKernels(), () -> new ScalarMomentKernels());

    private Holder() {}
  }

  /// Takes one step, and clears the gradients. Moments are `map[index] · absmax`. After the update,
  /// absmax is the block's largest magnitude (1 for a block of zeros), and each moment gets the
  /// index nearest to `moment / absmax`, the lower one in a tie.
  ///
  /// @param values parameters, float32 `[count]`
  /// @param grads their gradients, float32 `[count]`; zero afterwards
  /// @param moments of the same parameters, from the start of a block
  void step(
      AdamStep step, MemorySegment values, MemorySegment grads, MomentBlocks moments, long count);
}
