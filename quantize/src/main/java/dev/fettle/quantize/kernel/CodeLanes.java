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

  static {
    for (int bits = 2; bits < 8; bits++) {
      for (int lane = 0; lane < LANES; lane++) {
        WORD[bits][lane] = lane * bits / 32;
        NEXT[bits][lane] = lane * bits / 32 + 1;
        BELOW[bits][lane] = lane * bits % 32;
        ABOVE[bits][lane] = 31 - lane * bits % 32;
      }
    }
  }

  private CodeLanes() {}

  /// Codes of 8 bits from `i` on.
  static FloatVector loadBytes(long codes, int i) {
    ByteVector bytes = ByteVector.fromMemorySegment(BYTES, NativeMemory.ALL, codes + i, ORDER);
    return (FloatVector) bytes.convertShape(VectorOperators.B2F, VectorSupport.FLOATS, 0);
  }

  /// Codes of 2 or 4 bits, none of which lies in two words, from `i` on, a multiple of the lanes.
  static FloatVector loadWhole(long codes, int bits, int i) {
    IntVector words = words(codes + (long) i * bits / 8);
    IntVector word = IntVector.fromArray(INTS, WORD[bits], 0).selectFrom(words);
    IntVector low = word.lanewise(LSHR, IntVector.fromArray(INTS, BELOW[bits], 0));
    return toFloats(low, bits);
  }

  /// Codes of 2 to 7 bits from `i` on, a multiple of the lanes.
  static FloatVector loadSplit(long codes, int bits, int i) {
    IntVector words = words(codes + (long) i * bits / 8);
    IntVector word = IntVector.fromArray(INTS, WORD[bits], 0).selectFrom(words);
    IntVector next = IntVector.fromArray(INTS, NEXT[bits], 0).selectFrom(words);
    IntVector low = word.lanewise(LSHR, IntVector.fromArray(INTS, BELOW[bits], 0));
    IntVector high =
        next.lanewise(LSHL, 1).lanewise(LSHL, IntVector.fromArray(INTS, ABOVE[bits], 0));
    return toFloats(low.or(high), bits);
  }

  private static IntVector words(long at) {
    return (IntVector)
        IntVector.fromMemorySegment(WINDOW, NativeMemory.ALL, at, ORDER).reinterpretShape(INTS, 0);
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
