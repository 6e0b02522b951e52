package dev.fettle.quantize.kernel;

import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import dev.fettle.tensor.MxFloats;
import dev.fettle.tensor.kernel.NativeMemory;
import dev.fettle.tensor.kernel.VectorSupport;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;

/// Pairs of 4-bit codes, the first of a pair in the low half of a byte; at addresses, see
/// [NativeMemory].
final class FourBitPacking {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final boolean WIDE = VectorSupport.WIDE;
  private static final float[] E2M1 = new float[16];

  static {
    for (int code = 0; code < 16; code++) {
      E2M1[code] = MxFloats.e2m1ToFloat(code);
    }
  }

  private FourBitPacking() {}

  /// Stores two vectors of codes, 0 to 15, in as many bytes as one has lanes.
  static void putLowFirst(IntVector first, IntVector second, long at) {
    if (WIDE) {
      pairs(first, 0).intoMemorySegment(NativeMemory.ALL, at, ORDER);
      pairs(second, 0).intoMemorySegment(NativeMemory.ALL, at + 8, ORDER);
    } else {
      pairs(first, 0).or(pairs(second, -1)).intoMemorySegment(NativeMemory.ALL, at, ORDER);
    }
  }

  /// Two neighbouring lanes make one byte.
  private static ByteVector pairs(IntVector codes, int part) {
    LongVector both = codes.reinterpretAsLongs();
    LongVector pairs = both.or(both.lanewise(LSHR, 28));
    return (ByteVector) pairs.convertShape(VectorOperators.L2B, ByteVector.SPECIES_64, part);
  }

  /// Sixteen weights from `i` on: the E2M1 numbers times `scale`.
  static void e2m1LowFirst(long packed, long i, float scale, long floats) {
    ByteVector bytes =
        ByteVector.fromMemorySegment(
            ByteVector.SPECIES_64, NativeMemory.ALL, packed + i / 2, ORDER);
    if (WIDE) {
      IntVector table = table(0, scale);
      spread(bytes, 0).selectFrom(table).intoMemorySegment(NativeMemory.ALL, floats + 4 * i, ORDER);
      return;
    }
    IntVector low = table(0, scale);
    IntVector high = table(8, scale);
    for (int part = 0; part < 2; part++) {
      IntVector index = spread(bytes, part);
      index
          .selectFrom(low)
          .blend(index.selectFrom(high), index.and(8).compare(VectorOperators.NE, 0))
          .intoMemorySegment(NativeMemory.ALL, floats + 4 * i + 32 * part, ORDER);
    }
  }

  private static IntVector table(int from, float scale) {
    return FloatVector.fromArray(VectorSupport.FLOATS, E2M1, from).mul(scale).reinterpretAsInts();
  }

  /// Each byte over two 32-bit lanes, the low half in the lower one; bits above a code stay.
  private static IntVector spread(ByteVector bytes, int part) {
    LongVector pairs =
        (LongVector) bytes.convertShape(VectorOperators.ZERO_EXTEND_B2L, VectorSupport.LONGS, part);
    return pairs.or(pairs.lanewise(LSHL, 28)).reinterpretAsInts();
  }
}
