package dev.fettle.tensor.kernel;

import jdk.incubator.vector.IntVector;

/// Touches the Vector API; loaded only when its module is there.
final class VectorSupport {
  /// The kernels look sixteen table entries up in one vector of 32-bit lanes.
  static final int REQUIRED_BITS = 512;

  private VectorSupport() {}

  static int preferredBits() {
    return IntVector.SPECIES_PREFERRED.vectorBitSize();
  }
}
