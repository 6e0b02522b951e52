package dev.fettle.quantize.kernel;

import static dev.fettle.tensor.HostTensor.F32_LAYOUT;

import dev.fettle.tensor.kernel.VectorSupport;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Error sums in float32 lanes. Each lane adds a few hundred numbers before the lanes are added in
/// float64, so the relative error stays near 1e-6.
final class ErrorLanes {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final VectorSpecies<Float> FLOATS = VectorSupport.FLOATS;

  private ErrorLanes() {}

  static void add(MemorySegment exact, MemorySegment approximate, int count, ErrorSums sums) {
    int bound = count & -VectorSupport.LANES;
    FloatVector squaredError = FloatVector.zero(FLOATS);
    FloatVector squaredExact = FloatVector.zero(FLOATS);
    FloatVector squaredApproximate = FloatVector.zero(FLOATS);
    FloatVector product = FloatVector.zero(FLOATS);
    FloatVector maxError = FloatVector.zero(FLOATS);
    for (long i = 0; i < bound; i += VectorSupport.LANES) {
      FloatVector w = FloatVector.fromMemorySegment(FLOATS, exact, 4 * i, ORDER);
      FloatVector q = FloatVector.fromMemorySegment(FLOATS, approximate, 4 * i, ORDER);
      FloatVector error = w.sub(q);
      squaredError = error.fma(error, squaredError);
      squaredExact = w.fma(w, squaredExact);
      squaredApproximate = q.fma(q, squaredApproximate);
      product = w.fma(q, product);
      maxError = maxError.max(error.abs());
    }
    sums.add(
        bound,
        total(squaredError),
        total(squaredExact),
        total(squaredApproximate),
        total(product),
        maxError.reduceLanes(VectorOperators.MAX));
    for (long i = bound; i < count; i++) {
      double w = exact.get(F32_LAYOUT, 4 * i);
      double q = approximate.get(F32_LAYOUT, 4 * i);
      sums.add(1, (w - q) * (w - q), w * w, q * q, w * q, Math.abs(w - q));
    }
  }

  private static double total(FloatVector lanes) {
    double total = 0;
    for (float lane : lanes.toArray()) {
      total += lane;
    }
    return total;
  }
}
