package dev.fettle.quantize.kernel;

import static jdk.incubator.vector.VectorOperators.LSHR;

import dev.fettle.quantize.FourBitCode;
import dev.fettle.tensor.kernel.VectorSupport;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Normalised numbers to bitsandbytes' FP4. A magnitude falls into one of sixteen cells, none of
/// which holds more than one midpoint between magnitudes; lookups and one comparison give its
/// index. A number exactly on a midpoint goes to the lower level, which for negative numbers is the
/// larger magnitude.
final class Fp4Lanes {
  private static final VectorSpecies<Integer> INTS = VectorSupport.INTS;

  /// Cells per unit. Every midpoint is at least 0.03 cells away from an edge, and 1 falls into the
  /// last cell but one.
  static final float CELLS_PER_UNIT = 14.5f;

  /// The midpoints between magnitudes as float bits, and the indices of the magnitudes, ascending.
  private static final int[] MIDPOINTS = new int[7];

  private static final int[] INDICES = new int[8];

  /// Per cell: its midpoint as float bits, and the index of a magnitude below and above it.
  private static final int[] MIDPOINT = new int[16];

  private static final int[] BELOW = new int[16];
  private static final int[] ABOVE = new int[16];

  static {
    float[] midpoints = FourBitCode.FP4.midpoints();
    int[] ascending = FourBitCode.FP4.ascending();
    for (int i = 0; i < 8; i++) {
      INDICES[i] = ascending[8 + i] & 7;
    }
    Arrays.fill(MIDPOINT, Float.floatToRawIntBits(Float.POSITIVE_INFINITY));
    for (int i = 0; i < 7; i++) {
      MIDPOINTS[i] = Float.floatToRawIntBits(midpoints[8 + i]);
      int cell = cell(midpoints[8 + i]);
      MIDPOINT[cell] = MIDPOINTS[i];
      ABOVE[cell] = INDICES[i + 1];
      for (int higher = cell + 1; higher < 16; higher++) {
        BELOW[higher] = INDICES[i + 1];
      }
    }
  }

  private Fp4Lanes() {}

  static int cell(float magnitude) {
    return Float.floatToRawIntBits(Math.fma(magnitude, CELLS_PER_UNIT, 0x1p23f)) & 15;
  }

  static IntVector indices(FloatVector normalised) {
    IntVector bits = normalised.reinterpretAsInts();
    IntVector sign = bits.lanewise(LSHR, 31);
    IntVector magnitude = bits.and(0x7FFFFFFF);
    IntVector atLeast = magnitude.add(sign);
    IntVector index = VectorSupport.WIDE ? search(magnitude, atLeast) : count(atLeast);
    VectorMask<Integer> zero = index.compare(VectorOperators.EQ, 0);
    VectorMask<Integer> positive = bits.compare(VectorOperators.GT, 0);
    IntVector ofZero = IntVector.zero(INTS).blend(8, positive);
    return index.or(sign.lanewise(VectorOperators.LSHL, 3)).blend(ofZero, zero);
  }

  private static IntVector search(IntVector magnitude, IntVector atLeast) {
    FloatVector perUnit = FloatVector.broadcast(VectorSupport.FLOATS, CELLS_PER_UNIT);
    FloatVector toCell = FloatVector.broadcast(VectorSupport.FLOATS, 0x1p23f);
    IntVector cell = magnitude.reinterpretAsFloats().fma(perUnit, toCell).reinterpretAsInts();
    IntVector midpoint = cell.selectFrom(IntVector.fromArray(INTS, MIDPOINT, 0));
    IntVector below = cell.selectFrom(IntVector.fromArray(INTS, BELOW, 0));
    IntVector above = cell.selectFrom(IntVector.fromArray(INTS, ABOVE, 0));
    return below.blend(above, atLeast.compare(VectorOperators.GT, midpoint));
  }

  private static IntVector count(IntVector atLeast) {
    IntVector index = IntVector.zero(INTS);
    for (int i = 0; i < 7; i++) {
      index = index.blend(INDICES[i + 1], atLeast.compare(VectorOperators.GT, MIDPOINTS[i]));
    }
    return index;
  }
}
