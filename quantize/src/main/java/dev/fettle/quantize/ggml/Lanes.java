package dev.fettle.quantize.ggml;

import dev.fettle.tensor.kernel.VectorSupport;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Loads and stores of one vector at a byte offset of a native segment.
final class Lanes {
  static final int LANES = VectorSupport.LANES;
  static final VectorSpecies<Float> FLOATS = VectorSupport.FLOATS;
  static final VectorSpecies<Integer> INTS = VectorSupport.INTS;
  private static final VectorSpecies<Byte> BYTES = VectorSupport.QUARTER_BYTES;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  private Lanes() {}

  static FloatVector floats(MemorySegment segment, long at) {
    return FloatVector.fromMemorySegment(FLOATS, segment, at, ORDER);
  }

  /// Float32 as bits.
  static IntVector bits(MemorySegment segment, long at) {
    return IntVector.fromMemorySegment(INTS, segment, at, ORDER);
  }

  static void put(FloatVector values, MemorySegment segment, long at) {
    values.intoMemorySegment(segment, at, ORDER);
  }

  /// Unsigned bytes, one per lane.
  static IntVector bytes(MemorySegment segment, long at) {
    ByteVector bytes = ByteVector.fromMemorySegment(BYTES, segment, at, ORDER);
    return (IntVector) bytes.convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
  }

  /// Signed bytes, one per lane, as numbers.
  static FloatVector signedBytes(MemorySegment segment, long at) {
    ByteVector bytes = ByteVector.fromMemorySegment(BYTES, segment, at, ORDER);
    return (FloatVector) bytes.convertShape(VectorOperators.B2F, FLOATS, 0);
  }

  /// The low byte of each lane.
  static void putBytes(IntVector values, MemorySegment segment, long at) {
    ((ByteVector) values.convertShape(VectorOperators.I2B, BYTES, 0))
        .intoMemorySegment(segment, at, ORDER);
  }

  static FloatVector toFloats(IntVector values) {
    return (FloatVector) values.convertShape(VectorOperators.I2F, FLOATS, 0);
  }

  /// Cuts off the fraction of numbers that fit an int.
  static IntVector truncate(FloatVector values) {
    return (IntVector) values.convertShape(VectorOperators.F2I, INTS, 0);
  }
}
