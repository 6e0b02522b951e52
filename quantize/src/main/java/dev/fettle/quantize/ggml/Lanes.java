package dev.fettle.quantize.ggml;

import dev.fettle.tensor.kernel.NativeMemory;
import dev.fettle.tensor.kernel.VectorSupport;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Loads and stores of one vector at an address, see [NativeMemory].
final class Lanes {
  static final int LANES = VectorSupport.LANES;
  static final VectorSpecies<Float> FLOATS = VectorSupport.FLOATS;
  static final VectorSpecies<Integer> INTS = VectorSupport.INTS;
  private static final VectorSpecies<Byte> BYTES = VectorSupport.QUARTER_BYTES;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

  private Lanes() {}

  static FloatVector floats(long at) {
    return FloatVector.fromMemorySegment(FLOATS, NativeMemory.ALL, at, ORDER);
  }

  /// Float32 as bits.
  static IntVector bits(long at) {
    return IntVector.fromMemorySegment(INTS, NativeMemory.ALL, at, ORDER);
  }

  static void put(FloatVector values, long at) {
    values.intoMemorySegment(NativeMemory.ALL, at, ORDER);
  }

  /// Unsigned bytes, one per lane.
  static IntVector bytes(long at) {
    ByteVector bytes = ByteVector.fromMemorySegment(BYTES, NativeMemory.ALL, at, ORDER);
    return (IntVector) bytes.convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
  }

  /// Signed bytes, one per lane, as numbers.
  static FloatVector signedBytes(long at) {
    ByteVector bytes = ByteVector.fromMemorySegment(BYTES, NativeMemory.ALL, at, ORDER);
    return (FloatVector) bytes.convertShape(VectorOperators.B2F, FLOATS, 0);
  }

  /// The low byte of each lane.
  static void putBytes(IntVector values, long at) {
    ((ByteVector) values.convertShape(VectorOperators.I2B, BYTES, 0))
        .intoMemorySegment(NativeMemory.ALL, at, ORDER);
  }

  static FloatVector toFloats(IntVector values) {
    return (FloatVector) values.convertShape(VectorOperators.I2F, FLOATS, 0);
  }

  /// Cuts off the fraction of numbers from 0 to 2^22: rounded to nearest even, less one where that
  /// went up. The conversion instruction would have to look after numbers beyond int as well.
  static IntVector truncate(FloatVector values) {
    FloatVector sum = values.add(0x1p23f);
    VectorMask<Float> up = sum.sub(0x1p23f).compare(VectorOperators.GT, values);
    return sum.reinterpretAsInts().and(0x7FFFFF).sub(1, up.cast(INTS));
  }
}
