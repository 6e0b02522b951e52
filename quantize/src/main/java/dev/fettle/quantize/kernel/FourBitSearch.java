package dev.fettle.quantize.kernel;

import static jdk.incubator.vector.VectorOperators.LSHL;

import dev.fettle.quantize.FourBitCode;
import dev.fettle.quantize.Nf4;
import dev.fettle.tensor.kernel.NativeMemory;
import dev.fettle.tensor.kernel.VectorSupport;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Numbers to NF4 and FP4. For NF4, a normalised weight falls into one of 32 equal cells, none of
/// which holds more than one midpoint between levels; two lookups and one comparison give its
/// level. Weights with even and odd index are handled in vectors of their own, because they end up
/// in different nibbles.
final class FourBitSearch {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final VectorSpecies<Float> FLOATS = VectorSupport.FLOATS;
  private static final VectorSpecies<Integer> INTS = VectorSupport.INTS;
  private static final VectorSpecies<Byte> BYTES = VectorSupport.QUARTER_BYTES;

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
  private static final float[] MIDPOINTS = Nf4.midpoints();
  private static final int LANES = VectorSupport.LANES;
  private static final int[] EVEN = new int[LANES];
  private static final int[] ODD = new int[LANES];

  private static final VectorMask<Integer> UPPER_HALF =
      VectorMask.fromLong(INTS, (1L << LANES) - (1L << LANES / 2));

  static {
    Arrays.fill(MIDPOINT, Float.floatToRawIntBits(Float.POSITIVE_INFINITY));
    for (float midpoint : Nf4.midpoints()) {
      int cell = cell(midpoint);
      MIDPOINT[cell] = Float.floatToRawIntBits(midpoint);
      for (int above = cell + 1; above < 32; above++) {
        BELOW[above]++;
      }
    }
    for (int lane = 0; lane < LANES; lane++) {
      EVEN[lane] = 2 * lane % LANES;
      ODD[lane] = (2 * lane + 1) % LANES;
    }
  }

  private FourBitSearch() {}

  static int cell(float normalised) {
    return Float.floatToRawIntBits(Math.fma(normalised, CELLS_PER_UNIT, TO_CELL)) & 31;
  }

  /// Converts the first `blocks` whole blocks.
  static void fromBf16(
      FourBitCode code, long weight, int blockSize, int blocks, long packed, float[] absmax) {
    boolean fp4 = code == FourBitCode.FP4;
    for (int block = 0; block < blocks; block++) {
      long start = (long) block * blockSize;
      IntVector largest = IntVector.zero(INTS);
      for (long i = start; i < start + blockSize; i += 2 * LANES) {
        IntVector pairs =
            IntVector.fromMemorySegment(INTS, NativeMemory.ALL, weight + 2 * i, ORDER);
        largest = largest.max(pairs.lanewise(LSHL, 16).and(0x7FFFFFFF));
        largest = largest.max(pairs.and(0x7FFF0000));
      }
      float scale = Float.intBitsToFloat(largest.reduceLanes(VectorOperators.MAX));
      absmax[block] = scale;
      float reciprocal = 1.0f / Math.max(scale, Nf4.MIN_ABSMAX);
      for (long i = start; i < start + blockSize; i += 2 * LANES) {
        IntVector pairs =
            IntVector.fromMemorySegment(INTS, NativeMemory.ALL, weight + 2 * i, ORDER);
        IntVector even = levels(pairs.lanewise(LSHL, 16), reciprocal, fp4);
        IntVector odd = levels(pairs.and(0xFFFF0000), reciprocal, fp4);
        store(even, odd, packed, i);
      }
    }
  }

  /// Converts the first `blocks` whole blocks.
  static void fromF32(
      FourBitCode code, long weight, int blockSize, int blocks, long packed, float[] absmax) {
    boolean fp4 = code == FourBitCode.FP4;
    IntVector evenLanes = IntVector.fromArray(INTS, EVEN, 0);
    IntVector oddLanes = IntVector.fromArray(INTS, ODD, 0);
    for (int block = 0; block < blocks; block++) {
      long start = (long) block * blockSize;
      IntVector largest = IntVector.zero(INTS);
      for (long i = start; i < start + blockSize; i += LANES) {
        IntVector bits = IntVector.fromMemorySegment(INTS, NativeMemory.ALL, weight + 4 * i, ORDER);
        largest = largest.max(bits.and(0x7FFFFFFF));
      }
      float scale = Float.intBitsToFloat(largest.reduceLanes(VectorOperators.MAX));
      absmax[block] = scale;
      float reciprocal = 1.0f / Math.max(scale, Nf4.MIN_ABSMAX);
      for (long i = start; i < start + blockSize; i += 2 * LANES) {
        IntVector first =
            IntVector.fromMemorySegment(INTS, NativeMemory.ALL, weight + 4 * i, ORDER);
        IntVector second =
            IntVector.fromMemorySegment(INTS, NativeMemory.ALL, weight + 4 * (i + LANES), ORDER);
        IntVector even = levels(gather(evenLanes, first, second), reciprocal, fp4);
        IntVector odd = levels(gather(oddLanes, first, second), reciprocal, fp4);
        store(even, odd, packed, i);
      }
    }
  }

  /// The first half of the lanes from `first`, the second from `second`.
  private static IntVector gather(IntVector lanes, IntVector first, IntVector second) {
    return lanes.selectFrom(first).blend(lanes.selectFrom(second), UPPER_HALF);
  }

  /// The level of each weight, given as float bits.
  private static IntVector levels(IntVector bits, float reciprocal, boolean fp4) {
    FloatVector normalised = bits.reinterpretAsFloats().mul(reciprocal);
    if (fp4) {
      return Fp4Lanes.indices(normalised);
    }
    return VectorSupport.WIDE ? search(normalised) : count(normalised);
  }

  private static IntVector count(FloatVector normalised) {
    IntVector level = IntVector.zero(INTS);
    for (int i = 0; i < 15; i++) {
      VectorMask<Float> above = normalised.compare(VectorOperators.GT, MIDPOINTS[i]);
      level = level.add(1, above.cast(INTS));
    }
    return level;
  }

  private static IntVector search(FloatVector normalised) {
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

  private static void store(IntVector even, IntVector odd, long packed, long i) {
    IntVector pairs = even.lanewise(LSHL, 4).or(odd);
    ((ByteVector) pairs.convertShape(VectorOperators.I2B, BYTES, 0))
        .intoMemorySegment(NativeMemory.ALL, packed + i / 2, ORDER);
  }
}
