package dev.fettle.benchmarks;

import dev.fettle.tensor.Parallel;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.LongAdder;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;

/// Plain traffic over memory on all processors, to compare kernels with. Sizes are multiples of a
/// vector.
final class MemoryTraffic {
  private static final long GRAIN = 1 << 18;

  private MemoryTraffic() {}

  /// Loads every byte.
  static long read(MemorySegment source) {
    LongAdder sum = new LongAdder();
    int step = LongVector.SPECIES_PREFERRED.vectorByteSize();
    Parallel.forRange(
        source.byteSize(),
        GRAIN,
        (from, to) -> {
          LongVector all = LongVector.zero(LongVector.SPECIES_PREFERRED);
          for (long i = from; i + step <= to; i += step) {
            all =
                all.add(
                    LongVector.fromMemorySegment(
                        LongVector.SPECIES_PREFERRED, source, i, ByteOrder.LITTLE_ENDIAN));
          }
          sum.add(all.reduceLanes(VectorOperators.ADD));
        });
    return sum.sum();
  }

  /// Stores every byte of `target`; what, depends on `seed` only.
  static void write(MemorySegment seed, MemorySegment target) {
    byte value = seed.get(java.lang.foreign.ValueLayout.JAVA_BYTE, 0);
    Parallel.forRange(
        target.byteSize(), GRAIN, (from, to) -> target.asSlice(from, to - from).fill(value));
  }

  /// Copies the smaller of the two sizes.
  static void copy(MemorySegment source, MemorySegment target) {
    Parallel.forRange(
        Math.min(source.byteSize(), target.byteSize()),
        GRAIN,
        (from, to) -> MemorySegment.copy(source, from, target, from, to - from));
  }
}
