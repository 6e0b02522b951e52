package dev.fettle.tensor.kernel;

import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// The vector sizes kernels work in: 512 bits where the processor prefers them, else 256. Touches
/// the Vector API, so it may be loaded only when its module is there.
public final class VectorSupport {
  /// The narrowest vectors the kernels are written for.
  static final int REQUIRED_BITS = 256;

  /// Whether vectors have 512 bits.
  public static final boolean WIDE = preferredBits() >= 512;

  private static final int BITS = WIDE ? 512 : 256;
  private static final VectorShape FULL = VectorShape.forBitSize(BITS);

  public static final VectorSpecies<Float> FLOATS = VectorSpecies.of(float.class, FULL);
  public static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, FULL);
  public static final VectorSpecies<Long> LONGS = VectorSpecies.of(long.class, FULL);
  public static final VectorSpecies<Short> SHORTS = VectorSpecies.of(short.class, FULL);

  /// As many lanes as `INTS`, for values that are widened to it or narrowed from it.
  public static final VectorSpecies<Short> HALF_SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(BITS / 2));

  /// As many lanes as `INTS`, for values that are widened to it or narrowed from it.
  public static final VectorSpecies<Byte> QUARTER_BYTES =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(BITS / 4));

  /// Lanes of `FLOATS` and `INTS`.
  public static final int LANES = BITS / 32;

  private VectorSupport() {}

  static int preferredBits() {
    return IntVector.SPECIES_PREFERRED.vectorBitSize();
  }
}
