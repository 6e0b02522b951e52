package dev.fettle.quantize;

import dev.fettle.tensor.Casts;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Parallel;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;

/// Weights that are NaN or infinite.
final class NonFinite {
  private static final long GRAIN = 1 << 16;

  private NonFinite() {}

  /// The tensor with zeros in place of NaN and infinities; itself if it has none.
  ///
  /// @param tensor F32, F16 or BF16
  static HostTensor zeroed(HostTensor tensor, SegmentAllocator allocator) {
    MemorySegment floats = allocator.allocate(4 * tensor.elements(), 64);
    Casts.toFloat(tensor, floats);
    boolean[] found = new boolean[1];
    Parallel.forRange(
        tensor.elements(),
        GRAIN,
        (from, to) -> {
          for (long i = from; i < to; i++) {
            if (!Float.isFinite(floats.get(HostTensor.F32_LAYOUT, 4 * i))) {
              floats.set(HostTensor.F32_LAYOUT, 4 * i, 0);
              synchronized (found) {
                found[0] = true;
              }
            }
          }
        });
    if (!found[0]) {
      return tensor;
    }
    MemorySegment copy = allocator.allocate(tensor.byteSize(), 64);
    Casts.fromFloat(floats, tensor.elements(), tensor.dtype(), copy);
    return new HostTensor(tensor.dtype(), tensor.shape(), copy);
  }
}
