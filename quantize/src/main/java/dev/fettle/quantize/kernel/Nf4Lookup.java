package dev.fettle.quantize.kernel;

import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import dev.fettle.quantize.Nf4;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// NF4 back to numbers. All weights of a block share its scale, so the sixteen levels are scaled
/// and rounded once per block, and each weight is then one lookup in a table that fits a register.
final class Nf4Lookup {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_512;
  private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_512;
  private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_512;
  private static final VectorSpecies<Long> LONGS = LongVector.SPECIES_512;
  private static final VectorSpecies<Byte> BYTES_16 = ByteVector.SPECIES_128;
  private static final VectorSpecies<Byte> BYTES_8 = ByteVector.SPECIES_64;
  private static final float[] CODE = Nf4.code();

  private Nf4Lookup() {}

  /// Converts the first `blocks` whole blocks.
  static void toBf16(
      MemorySegment packed, float[] absmax, int blockSize, int blocks, MemorySegment out) {
    FloatVector code = FloatVector.fromArray(FLOATS, CODE, 0);
    for (int block = 0; block < blocks; block++) {
      FloatVector scaled = code.mul(absmax[block]);
      IntVector bits = scaled.reinterpretAsInts();
      IntVector even = bits.lanewise(LSHR, 16).and(1);
      IntVector rounded = bits.add(even).add(0x7FFF).and(0xFFFF0000);
      IntVector upper = rounded.blend(0x7FC00000, scaled.test(VectorOperators.IS_NAN).cast(INTS));
      ShortVector table = upper.or(upper.lanewise(LSHR, 16)).reinterpretAsShorts();
      long start = (long) block * blockSize;
      for (long i = start; i < start + blockSize; i += 32) {
        lookUp(packed, i, table, out);
      }
    }
  }

  /// Converts the first `blocks` whole blocks.
  static void toF16(
      MemorySegment packed, float[] absmax, int blockSize, int blocks, MemorySegment out) {
    short[] levels = new short[32];
    for (int block = 0; block < blocks; block++) {
      for (int level = 0; level < 16; level++) {
        short half = Float.floatToFloat16(CODE[level] * absmax[block]);
        levels[2 * level] = half;
        levels[2 * level + 1] = half;
      }
      ShortVector table = ShortVector.fromArray(SHORTS, levels, 0);
      long start = (long) block * blockSize;
      for (long i = start; i < start + blockSize; i += 32) {
        lookUp(packed, i, table, out);
      }
    }
  }

  /// Thirty-two weights: each byte is spread over two 16-bit lanes, the high nibble in the lower
  /// lane. Every level stands twice in the table, so lane value 2·nibble + anything finds it, and
  /// higher bits of a lane are ignored because the index wraps around at 32.
  private static void lookUp(MemorySegment packed, long i, ShortVector table, MemorySegment out) {
    ByteVector bytes = ByteVector.fromMemorySegment(BYTES_16, packed, i / 2, ORDER);
    IntVector pairs = (IntVector) bytes.convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
    IntVector spread = pairs.lanewise(LSHR, 3).or(pairs.lanewise(LSHL, 17));
    spread.reinterpretAsShorts().selectFrom(table).intoMemorySegment(out, 2 * i, ORDER);
  }

  /// Converts the first `blocks` whole blocks, sixteen weights at a time: each byte is spread over
  /// two 32-bit lanes, and the index wraps around at 16.
  static void toF32(
      MemorySegment packed, float[] absmax, int blockSize, int blocks, MemorySegment out) {
    FloatVector code = FloatVector.fromArray(FLOATS, CODE, 0);
    for (int block = 0; block < blocks; block++) {
      IntVector table = code.mul(absmax[block]).reinterpretAsInts();
      long start = (long) block * blockSize;
      for (long i = start; i < start + blockSize; i += 16) {
        ByteVector bytes = ByteVector.fromMemorySegment(BYTES_8, packed, i / 2, ORDER);
        LongVector pairs =
            (LongVector) bytes.convertShape(VectorOperators.ZERO_EXTEND_B2L, LONGS, 0);
        LongVector spread = pairs.lanewise(LSHR, 4).or(pairs.lanewise(LSHL, 32));
        spread.reinterpretAsInts().selectFrom(table).intoMemorySegment(out, 4 * i, ORDER);
      }
    }
  }
}
