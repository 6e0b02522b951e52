package dev.fettle.quantize.kernel;

import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.kernel.NativeMemory;
import dev.fettle.tensor.kernel.VectorSupport;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// One vector of codes of 2 to 8 bits out of, or into, a stream of bits. A vector of codes always
/// fills whole bytes; loads and stores touch up to [#REACH] bytes from its first one on. A stream
/// is given by the address of its first byte, see [NativeMemory].
final class CodeLanes {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final boolean WIDE = VectorSupport.WIDE;
  private static final VectorSpecies<Integer> INTS = VectorSupport.INTS;
  private static final VectorSpecies<Byte> BYTES = VectorSupport.QUARTER_BYTES;
  private static final int LANES = VectorSupport.LANES;

  /// Bytes that a load or store may touch.
  static final int REACH = WIDE ? 16 : 8;

  private static final long[] BYTE_SHIFT = {0, 8, 16, 24};

  /// By width: the bits below the even and the odd code of a pair, of eight codes.
  private static final long[][] EVEN = new long[8][LANES / 2];

  private static final long[][] ODD = new long[8][LANES / 2];

  private static final VectorMask<Long> UPPER_HALF =
      VectorMask.fromLong(VectorSupport.LONGS, (1L << LANES / 2) - (1L << LANES / 4));

  static {
    for (int bits = 2; bits < 8; bits++) {
      for (int pair = 0; pair < LANES / 2; pair++) {
        EVEN[bits][pair] = pair % 4 * 2 * bits;
        ODD[bits][pair] = (pair % 4 * 2 + 1) * bits;
      }
    }
  }

  private CodeLanes() {}

  /// Codes of 8 bits from `i` on.
  static FloatVector loadBytes(long codes, int i) {
    ByteVector bytes = ByteVector.fromMemorySegment(BYTES, NativeMemory.ALL, codes + i, ORDER);
    return (FloatVector) bytes.convertShape(VectorOperators.B2F, VectorSupport.FLOATS, 0);
  }

  /// Codes of 4 bits from `i` on, a multiple of the lanes.
  static FloatVector loadNibbles(long codes, int i) {
    LongVector pairs = WIDE ? eightPairs(codes + i / 2) : fourPairs(codes + i / 2);
    return toFloats(pairs.or(pairs.lanewise(LSHL, 28)).reinterpretAsInts(), 4);
  }

  private static LongVector eightPairs(long at) {
    ByteVector bytes =
        ByteVector.fromMemorySegment(ByteVector.SPECIES_64, NativeMemory.ALL, at, ORDER);
    return (LongVector) bytes.convertShape(VectorOperators.ZERO_EXTEND_B2L, VectorSupport.LONGS, 0);
  }

  /// Bytes from four neighbouring ones, of which each lane keeps its own.
  private static LongVector fourPairs(long at) {
    int four = NativeMemory.ALL.get(HostTensor.I32_LAYOUT, at);
    return LongVector.broadcast(VectorSupport.LONGS, four & 0xFFFFFFFFL)
        .lanewise(LSHR, LongVector.fromArray(VectorSupport.LONGS, BYTE_SHIFT, 0))
        .and(0xFF);
  }

  /// Codes of 2 to 7 bits from `i` on, a multiple of the lanes. Eight codes fill as many bytes as a
  /// code has bits; every 64-bit lane takes two neighbouring ones out of them.
  static FloatVector loadSplit(long codes, int bits, int i) {
    long at = codes + (long) i * bits / 8;
    LongVector eight =
        LongVector.broadcast(VectorSupport.LONGS, NativeMemory.ALL.get(HostTensor.I64_LAYOUT, at));
    return toFloats(pairs(WIDE ? withUpperHalf(eight, at + bits) : eight, bits), bits);
  }

  private static LongVector withUpperHalf(LongVector lower, long at) {
    return lower.blend(NativeMemory.ALL.get(HostTensor.I64_LAYOUT, at), UPPER_HALF);
  }

  private static IntVector pairs(LongVector eight, int bits) {
    LongVector even =
        eight.lanewise(LSHR, LongVector.fromArray(VectorSupport.LONGS, EVEN[bits], 0));
    LongVector odd = eight.lanewise(LSHR, LongVector.fromArray(VectorSupport.LONGS, ODD[bits], 0));
    return even.and(0xFF).or(odd.lanewise(LSHL, 32)).reinterpretAsInts();
  }

  private static FloatVector toFloats(IntVector codes, int bits) {
    IntVector masked = codes.and((1 << bits) - 1);
    return (FloatVector) masked.convertShape(VectorOperators.I2F, VectorSupport.FLOATS, 0);
  }

  /// Stores codes, of which only the low `bits` count, from `i` on, a multiple of the lanes.
  static void store(IntVector values, long codes, int bits, int i) {
    ByteVector bytes = (ByteVector) values.convertShape(VectorOperators.I2B, BYTES, 0);
    if (bits == 8) {
      bytes.intoMemorySegment(NativeMemory.ALL, codes + i, ORDER);
      return;
    }
    long at = codes + (long) i * bits / 8;
    long perByte = 0x0101010101010101L * ((1 << bits) - 1);
    LongVector eights = bytes.reinterpretAsLongs();
    NativeMemory.ALL.set(HostTensor.I64_LAYOUT, at, Long.compress(eights.lane(0), perByte));
    if (WIDE) {
      NativeMemory.ALL.set(
          HostTensor.I64_LAYOUT, at + bits, Long.compress(eights.lane(1), perByte));
    }
  }
}
