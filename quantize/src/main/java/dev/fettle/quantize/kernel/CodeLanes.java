package dev.fettle.quantize.kernel;

import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.kernel.VectorSupport;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// One vector of codes of 2 to 8 bits out of, or into, a stream of bits. A vector of codes always
/// fills whole bytes; loads and stores touch up to [#REACH] bytes from its first one on.
final class CodeLanes {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final boolean WIDE = VectorSupport.WIDE;
  private static final VectorSpecies<Integer> INTS = VectorSupport.INTS;
  private static final VectorSpecies<Byte> BYTES = VectorSupport.QUARTER_BYTES;
  private static final VectorSpecies<Integer> WINDOW =
      WIDE ? IntVector.SPECIES_128 : IntVector.SPECIES_64;
  private static final int LANES = VectorSupport.LANES;

  /// Bytes that a load or store may touch.
  static final int REACH = WIDE ? 16 : 8;

  /// By width: the word in which a lane's code begins, the word after it, the bits below the code
  /// and 31 less that.
  private static final int[][] WORD = new int[8][LANES];

  private static final int[][] NEXT = new int[8][LANES];
  private static final int[][] BELOW = new int[8][LANES];
  private static final int[][] ABOVE = new int[8][LANES];

  /// By width: where a pair of codes goes in the half vector it belongs to.
  private static final long[][] PAIR_SHIFT = new long[8][LANES / 2];

  static {
    for (int bits = 2; bits < 8; bits++) {
      for (int lane = 0; lane < LANES; lane++) {
        WORD[bits][lane] = lane * bits / 32;
        NEXT[bits][lane] = lane * bits / 32 + 1;
        BELOW[bits][lane] = lane * bits % 32;
        ABOVE[bits][lane] = 31 - lane * bits % 32;
        PAIR_SHIFT[bits][lane / 2] = lane / 2 % 4 * 2L * bits;
      }
    }
  }

  private CodeLanes() {}

  /// The codes from `i` on, a multiple of the lanes.
  static FloatVector load(MemorySegment codes, int bits, int i) {
    if (bits == 8) {
      ByteVector bytes = ByteVector.fromMemorySegment(BYTES, codes, i, ORDER);
      return (FloatVector) bytes.convertShape(VectorOperators.B2F, VectorSupport.FLOATS, 0);
    }
    IntVector unpacked = unpack(codes, bits, (long) i * bits / 8);
    return (FloatVector) unpacked.convertShape(VectorOperators.I2F, VectorSupport.FLOATS, 0);
  }

  private static IntVector unpack(MemorySegment codes, int bits, long at) {
    IntVector words =
        (IntVector)
            IntVector.fromMemorySegment(WINDOW, codes, at, ORDER).reinterpretShape(INTS, 0);
    IntVector word = IntVector.fromArray(INTS, WORD[bits], 0).selectFrom(words);
    IntVector low = word.lanewise(LSHR, IntVector.fromArray(INTS, BELOW[bits], 0));
    if (32 % bits != 0) { // a code may end in the next word
      IntVector next = IntVector.fromArray(INTS, NEXT[bits], 0).selectFrom(words);
      IntVector above = IntVector.fromArray(INTS, ABOVE[bits], 0);
      low = low.or(next.lanewise(LSHL, 1).lanewise(LSHL, above));
    }
    return low.and((1 << bits) - 1);
  }

  /// Stores codes, of which only the low `bits` count, from `i` on, a multiple of the lanes.
  static void store(IntVector values, MemorySegment codes, int bits, int i) {
    if (bits == 8) {
      ((ByteVector) values.convertShape(VectorOperators.I2B, BYTES, 0))
          .intoMemorySegment(codes, i, ORDER);
      return;
    }
    long at = (long) i * bits / 8;
    LongVector both = values.and((1 << bits) - 1).reinterpretAsLongs();
    LongVector pairs = both.or(both.lanewise(LSHR, 32 - bits)).and((1L << (2 * bits)) - 1);
    LongVector placed =
        pairs.lanewise(LSHL, LongVector.fromArray(VectorSupport.LONGS, PAIR_SHIFT[bits], 0));
    codes.set(HostTensor.I64_LAYOUT, at, merge(placed, 0));
    if (WIDE) {
      codes.set(HostTensor.I64_LAYOUT, at + bits, merge(placed, 1));
    }
  }

  /// The four pairs of a part as one number.
  private static long merge(LongVector placed, int part) {
    LongVector four =
        WIDE ? (LongVector) placed.reinterpretShape(LongVector.SPECIES_256, part) : placed;
    return four.reduceLanes(VectorOperators.OR);
  }
}
