package dev.fettle.quantize.kernel;

import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import dev.fettle.quantize.FourBitCode;
import dev.fettle.tensor.Casts;
import dev.fettle.tensor.kernel.NativeMemory;
import dev.fettle.tensor.kernel.VectorSupport;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// NF4 and FP4 back to numbers. All weights of a block share its scale, so the sixteen levels are
/// scaled and rounded once per block, and each weight is then one lookup in a table that fits a
/// register.
final class FourBitLookup {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final boolean WIDE = VectorSupport.WIDE;
  private static final VectorSpecies<Float> FLOATS = VectorSupport.FLOATS;
  private static final VectorSpecies<Integer> INTS = VectorSupport.INTS;
  private static final VectorSpecies<Short> SHORTS = VectorSupport.SHORTS;
  private static final VectorSpecies<Long> LONGS = VectorSupport.LONGS;
  private static final VectorSpecies<Byte> BYTES = VectorSupport.QUARTER_BYTES;
  private static final VectorSpecies<Byte> BYTES_8 = ByteVector.SPECIES_64;
  private static final int LANES = VectorSupport.LANES;
  private static final float[] NF4 = FourBitCode.NF4.levels();
  private static final float[] FP4 = FourBitCode.FP4.levels();

  private FourBitLookup() {}

  private static float[] levels(FourBitCode code) {
    return switch (code) {
      case NF4 -> NF4;
      case FP4 -> FP4;
    };
  }

  /// Converts the first `blocks` whole blocks.
  static void toBf16(
      FourBitCode code, long packed, float[] absmax, int blockSize, int blocks, long out) {
    float[] exact = levels(code);
    short[] rounded = new short[16];
    for (int block = 0; block < blocks; block++) {
      ShortVector table =
          WIDE ? bf16Table(exact, absmax[block]) : bf16Table(exact, absmax[block], rounded);
      lookUp(packed, table, block, blockSize, out);
    }
  }

  /// Each level twice, as 32 lanes.
  private static ShortVector bf16Table(float[] exact, float absmax) {
    FloatVector scaled = FloatVector.fromArray(FLOATS, exact, 0).mul(absmax);
    IntVector bits = scaled.reinterpretAsInts();
    IntVector even = bits.lanewise(LSHR, 16).and(1);
    IntVector rounded = bits.add(even).add(0x7FFF).and(0xFFFF0000);
    IntVector upper = rounded.blend(0x7FC00000, scaled.test(VectorOperators.IS_NAN).cast(INTS));
    return upper.or(upper.lanewise(LSHR, 16)).reinterpretAsShorts();
  }

  /// Each level once, as 16 lanes.
  private static ShortVector bf16Table(float[] exact, float absmax, short[] rounded) {
    for (int level = 0; level < 16; level++) {
      rounded[level] = Casts.floatToBf16(exact[level] * absmax);
    }
    return ShortVector.fromArray(SHORTS, rounded, 0);
  }

  /// Converts the first `blocks` whole blocks.
  static void toF16(
      FourBitCode code, long packed, float[] absmax, int blockSize, int blocks, long out) {
    float[] exact = levels(code);
    int copies = WIDE ? 2 : 1;
    short[] levels = new short[16 * copies];
    for (int block = 0; block < blocks; block++) {
      for (int lane = 0; lane < levels.length; lane++) {
        levels[lane] = Float.floatToFloat16(exact[lane / copies] * absmax[block]);
      }
      lookUp(packed, ShortVector.fromArray(SHORTS, levels, 0), block, blockSize, out);
    }
  }

  /// Each byte is spread over two 16-bit lanes, the high nibble in the lower lane. A table of 32
  /// lanes holds every level twice, so that 2·nibble + anything finds it; one of 16 lanes once.
  /// Higher bits of a lane are ignored because the index wraps around.
  private static void lookUp(long packed, ShortVector table, int block, int blockSize, long out) {
    int right = WIDE ? 3 : 4;
    int left = WIDE ? 17 : 16;
    long start = (long) block * blockSize;
    for (long i = start; i < start + blockSize; i += 2 * LANES) {
      ByteVector bytes =
          ByteVector.fromMemorySegment(BYTES, NativeMemory.ALL, packed + i / 2, ORDER);
      IntVector pairs = (IntVector) bytes.convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
      IntVector spread = pairs.lanewise(LSHR, right).or(pairs.lanewise(LSHL, left));
      spread
          .reinterpretAsShorts()
          .selectFrom(table)
          .intoMemorySegment(NativeMemory.ALL, out + 2 * i, ORDER);
    }
  }

  /// Converts the first `blocks` whole blocks, sixteen weights at a time.
  static void toF32(
      FourBitCode code, long packed, float[] absmax, int blockSize, int blocks, long out) {
    float[] exact = levels(code);
    for (int block = 0; block < blocks; block++) {
      IntVector low =
          FloatVector.fromArray(FLOATS, exact, 0).mul(absmax[block]).reinterpretAsInts();
      IntVector high =
          FloatVector.fromArray(FLOATS, exact, WIDE ? 0 : 8).mul(absmax[block]).reinterpretAsInts();
      long start = (long) block * blockSize;
      for (long i = start; i < start + blockSize; i += 16) {
        ByteVector bytes =
            ByteVector.fromMemorySegment(BYTES_8, NativeMemory.ALL, packed + i / 2, ORDER);
        if (WIDE) {
          spread(bytes, 0).selectFrom(low).intoMemorySegment(NativeMemory.ALL, out + 4 * i, ORDER);
        } else {
          select(spread(bytes, 0), low, high)
              .intoMemorySegment(NativeMemory.ALL, out + 4 * i, ORDER);
          select(spread(bytes, 1), low, high)
              .intoMemorySegment(NativeMemory.ALL, out + 4 * i + 32, ORDER);
        }
      }
    }
  }

  /// Each byte over two 32-bit lanes, the high nibble in the lower lane; bits above the nibble
  /// stay.
  private static IntVector spread(ByteVector bytes, int part) {
    LongVector pairs =
        (LongVector) bytes.convertShape(VectorOperators.ZERO_EXTEND_B2L, LONGS, part);
    return pairs.lanewise(LSHR, 4).or(pairs.lanewise(LSHL, 32)).reinterpretAsInts();
  }

  /// Entry `index mod 16` of a table in two registers of eight.
  private static IntVector select(IntVector index, IntVector low, IntVector high) {
    return index
        .selectFrom(low)
        .blend(index.selectFrom(high), index.and(8).compare(VectorOperators.NE, 0));
  }
}
