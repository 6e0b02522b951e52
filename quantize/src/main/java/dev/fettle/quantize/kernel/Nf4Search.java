package dev.fettle.quantize.kernel;

import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import dev.fettle.quantize.Nf4;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Numbers to NF4. A normalised weight falls into one of 32 equal cells, none of which holds more
/// than one midpoint between levels; two lookups and one comparison give its level. Weights with
/// even and odd index are handled in vectors of their own, because they end up in different
/// nibbles.
final class Nf4Search {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_512;
  private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_512;
  private static final VectorSpecies<Byte> BYTES = ByteVector.SPECIES_128;

  /// Cells per unit. Every midpoint is at least 0.06 cells away from an edge, so rounding in the
  /// choice of the cell does not matter; the comparison decides.
  static final float CELLS_PER_UNIT = 15.2f;

  /// Adding this to a number from -16 to 15 leaves it, rounded and 16 higher, in the lowest five
  /// bits of the sum.
  private static final float TO_CELL = 0x1p23f + 16;

  /// Per cell: the number of midpoints in the cells below, and the cell's own midpoint as float
  /// bits.
  private static final int[] BELOW = new int[32];

  private static final int[] MIDPOINT = new int[32];
  private static final int[] EVEN = new int[16];
  private static final int[] ODD = new int[16];

  static {
    Arrays.fill(MIDPOINT, Float.floatToRawIntBits(Float.POSITIVE_INFINITY));
    for (float midpoint : Nf4.midpoints()) {
      int cell = cell(midpoint);
      MIDPOINT[cell] = Float.floatToRawIntBits(midpoint);
      for (int above = cell + 1; above < 32; above++) {
        BELOW[above]++;
      }
    }
    for (int lane = 0; lane < 16; lane++) {
      EVEN[lane] = 2 * lane;
      ODD[lane] = 2 * lane + 1;
    }
  }

  private Nf4Search() {}

  static int cell(float normalised) {
    return Float.floatToRawIntBits(Math.fma(normalised, CELLS_PER_UNIT, TO_CELL)) & 31;
  }

  /// Converts the first `blocks` whole blocks.
  static void fromBf16(
      MemorySegment weight, int blockSize, int blocks, MemorySegment packed, float[] absmax) {
    for (int block = 0; block < blocks; block++) {
      long start = (long) block * blockSize;
      IntVector largest = IntVector.zero(INTS);
      for (long i = start; i < start + blockSize; i += 32) {
        IntVector pairs = IntVector.fromMemorySegment(INTS, weight, 2 * i, ORDER);
        largest = largest.max(pairs.lanewise(LSHL, 16).and(0x7FFFFFFF));
        largest = largest.max(pairs.and(0x7FFF0000));
      }
      float scale = Float.intBitsToFloat(largest.reduceLanes(VectorOperators.MAX));
      absmax[block] = scale;
      float reciprocal = 1.0f / Math.max(scale, Nf4.MIN_ABSMAX);
      for (long i = start; i < start + blockSize; i += 32) {
        IntVector pairs = IntVector.fromMemorySegment(INTS, weight, 2 * i, ORDER);
        IntVector even = levels(pairs.lanewise(LSHL, 16), reciprocal);
        IntVector odd = levels(pairs.and(0xFFFF0000), reciprocal);
        store(even, odd, packed, i);
      }
    }
  }

  /// Converts the first `blocks` whole blocks.
  static void fromF16(
      MemorySegment weight, int blockSize, int blocks, MemorySegment packed, float[] absmax) {
    for (int block = 0; block < blocks; block++) {
      long start = (long) block * blockSize;
      IntVector largest = IntVector.zero(INTS);
      for (long i = start; i < start + blockSize; i += 32) {
        IntVector pairs = IntVector.fromMemorySegment(INTS, weight, 2 * i, ORDER);
        largest = largest.max(pairs.and(0x7FFF)).max(pairs.lanewise(LSHR, 16).and(0x7FFF));
      }
      float scale = Float.float16ToFloat((short) largest.reduceLanes(VectorOperators.MAX));
      absmax[block] = scale;
      float reciprocal = 1.0f / Math.max(scale, Nf4.MIN_ABSMAX);
      for (long i = start; i < start + blockSize; i += 32) {
        IntVector pairs = IntVector.fromMemorySegment(INTS, weight, 2 * i, ORDER);
        IntVector even = levels(Halves.toFloatBits(pairs.and(0xFFFF)), reciprocal);
        IntVector odd = levels(Halves.toFloatBits(pairs.lanewise(LSHR, 16)), reciprocal);
        store(even, odd, packed, i);
      }
    }
  }

  /// Converts the first `blocks` whole blocks.
  static void fromF32(
      MemorySegment weight, int blockSize, int blocks, MemorySegment packed, float[] absmax) {
    IntVector evenLanes = IntVector.fromArray(INTS, EVEN, 0);
    IntVector oddLanes = IntVector.fromArray(INTS, ODD, 0);
    for (int block = 0; block < blocks; block++) {
      long start = (long) block * blockSize;
      IntVector largest = IntVector.zero(INTS);
      for (long i = start; i < start + blockSize; i += 16) {
        IntVector bits = IntVector.fromMemorySegment(INTS, weight, 4 * i, ORDER);
        largest = largest.max(bits.and(0x7FFFFFFF));
      }
      float scale = Float.intBitsToFloat(largest.reduceLanes(VectorOperators.MAX));
      absmax[block] = scale;
      float reciprocal = 1.0f / Math.max(scale, Nf4.MIN_ABSMAX);
      for (long i = start; i < start + blockSize; i += 32) {
        IntVector first = IntVector.fromMemorySegment(INTS, weight, 4 * i, ORDER);
        IntVector second = IntVector.fromMemorySegment(INTS, weight, 4 * i + 64, ORDER);
        IntVector even = levels(evenLanes.selectFrom(first, second), reciprocal);
        IntVector odd = levels(oddLanes.selectFrom(first, second), reciprocal);
        store(even, odd, packed, i);
      }
    }
  }

  /// The level of each weight, given as float bits.
  private static IntVector levels(IntVector bits, float reciprocal) {
    FloatVector normalised = bits.reinterpretAsFloats().mul(reciprocal);
    FloatVector toCell = FloatVector.broadcast(FLOATS, TO_CELL);
    FloatVector perUnit = FloatVector.broadcast(FLOATS, CELLS_PER_UNIT);
    IntVector cell = normalised.fma(perUnit, toCell).reinterpretAsInts();
    IntVector below = select(cell, BELOW);
    FloatVector midpoint = select(cell, MIDPOINT).reinterpretAsFloats();
    VectorMask<Float> above = normalised.compare(VectorOperators.GT, midpoint);
    return below.add(1, above.cast(INTS));
  }

  /// One entry of the 32-entry table per lane; the index wraps around.
  private static IntVector select(IntVector index, int[] table) {
    return index.selectFrom(
        IntVector.fromArray(INTS, table, 0), IntVector.fromArray(INTS, table, 16));
  }

  private static void store(IntVector even, IntVector odd, MemorySegment packed, long i) {
    IntVector pairs = even.lanewise(LSHL, 4).or(odd);
    ((ByteVector) pairs.convertShape(VectorOperators.I2B, BYTES, 0))
        .intoMemorySegment(packed, i / 2, ORDER);
  }
}
