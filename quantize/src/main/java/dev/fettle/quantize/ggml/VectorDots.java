package dev.fettle.quantize.ggml;

import static dev.fettle.quantize.ggml.Lanes.FLOATS;
import static dev.fettle.quantize.ggml.Lanes.LANES;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import dev.fettle.tensor.kernel.VectorSupport;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// Products of packed rows with numbers, a vector at a time, without the row ever being in memory
/// unpacked. A weight is the same float32 number as when it is dequantized: `scale·code − min`, or
/// `scale·table[code] − min`.
///
/// Each method is one loop over a row, its vectors all its own. A loop whose body is a method of
/// several vectors is fast or very slow by which of the two is compiled first.
final class VectorDots {
  private VectorDots() {}

  /// Where the codes of a row are.
  ///
  /// @param at address of the first block's codes
  /// @param blockBytes from one block to the next
  /// @param runs of codes in a block
  /// @param runBytes from one run to the next
  record Codes(long at, int blockBytes, int runs, int runBytes) {
    long run(int index) {
      return at + (long) (index / runs) * blockBytes + (long) (index % runs) * runBytes;
    }
  }

  /// Runs of 32 signed bytes with a scale each.
  static float bytes(Codes codes, float[] scales, float[] x, int from) {
    FloatVector sum = FloatVector.zero(FLOATS);
    for (int run = 0; run < scales.length; run++) {
      long at = codes.run(run);
      int k = from + 32 * run;
      FloatVector part = Lanes.signedBytes(at).mul(x(x, k));
      for (int i = LANES; i < 32; i += LANES) {
        part = Lanes.signedBytes(at + i).fma(x(x, k + i), part);
      }
      sum = part.fma(FloatVector.broadcast(FLOATS, scales[run]), sum);
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  /// Runs of 16 bytes with 32 four-bit codes, the first 16 in the low halves. The sixteen weights
  /// of a run are looked up in registers.
  static float pairs16(
      Codes codes, float[] table, float[] scales, float[] mins, float[] x, int from) {
    FloatVector sum = FloatVector.zero(FLOATS);
    FloatVector other = FloatVector.zero(FLOATS);
    for (int run = 0; run < scales.length; run++) {
      IntVector low = low(table).mul(scales[run]).sub(mins[run]).reinterpretAsInts();
      IntVector high = high(table).mul(scales[run]).sub(mins[run]).reinterpretAsInts();
      long at = codes.run(run);
      int k = from + 32 * run;
      for (int j = 0; j < 16; j += LANES) {
        IntVector pair = Lanes.bytes(at + j);
        sum = lookUp(pair.and(15), low, high).fma(x(x, k + j), sum);
        other = lookUp(pair.lanewise(LSHR, 4), low, high).fma(x(x, k + 16 + j), other);
      }
    }
    return sum.add(other).reduceLanes(VectorOperators.ADD);
  }

  /// Runs of 32 bytes with 64 four-bit codes; those in the low halves have one scale, those in the
  /// high halves the next.
  static float pairs32(
      Codes codes, float[] table, float[] scales, float[] mins, float[] x, int from) {
    FloatVector sum = FloatVector.zero(FLOATS);
    FloatVector other = FloatVector.zero(FLOATS);
    for (int g = 0; g < scales.length; g += 2) {
      IntVector low = low(table).mul(scales[g]).sub(mins[g]).reinterpretAsInts();
      IntVector high = high(table).mul(scales[g]).sub(mins[g]).reinterpretAsInts();
      IntVector nextLow = low(table).mul(scales[g + 1]).sub(mins[g + 1]).reinterpretAsInts();
      IntVector nextHigh = high(table).mul(scales[g + 1]).sub(mins[g + 1]).reinterpretAsInts();
      long at = codes.run(g / 2);
      int k = from + 32 * g;
      for (int j = 0; j < 32; j += LANES) {
        IntVector pair = Lanes.bytes(at + j);
        sum = lookUp(pair.and(15), low, high).fma(x(x, k + j), sum);
        other = lookUp(pair.lanewise(LSHR, 4), nextLow, nextHigh).fma(x(x, k + 32 + j), other);
      }
    }
    return sum.add(other).reduceLanes(VectorOperators.ADD);
  }

  /// As `pairs32` with fifth bits: 32 bytes per block, of which bit `g` belongs to run of scale
  /// `g`.
  static float fives(Codes codes, Codes fifths, float[] scales, float[] mins, float[] x, int from) {
    FloatVector sum = FloatVector.zero(FLOATS);
    for (int g = 0; g < scales.length; g++) {
      long at = codes.run(g / 2);
      long fifthAt = fifths.run(g);
      int k = from + 32 * g;
      for (int j = 0; j < 32; j += LANES) {
        IntVector four = Lanes.bytes(at + j).lanewise(LSHR, 4 * (g % 2)).and(15);
        IntVector fifth = Lanes.bytes(fifthAt + j).lanewise(LSHR, g % 8).and(1);
        FloatVector code = Lanes.toFloats(four.or(fifth.lanewise(LSHL, 4)));
        sum = code.mul(scales[g]).sub(mins[g]).fma(x(x, k + j), sum);
      }
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  /// The codes of Q6_K: the low four bits of run `g` of 32 in one half of 32 bytes, the upper two
  /// in one quarter of the 32 bytes that four runs share. Every 16 have a scale.
  ///
  /// @param lows runs of 64 bytes: the low bits of four runs of codes
  /// @param highs runs of 32 bytes: the upper bits of four runs of codes
  static float sixes(Codes lows, Codes highs, float[] scales, float[] x, int from) {
    FloatVector sum = FloatVector.zero(FLOATS);
    for (int g = 0; g < scales.length / 2; g++) {
      long at = lows.run(g / 4) + 32 * (g % 2);
      long upperAt = highs.run(g / 4);
      int k = from + 32 * g;
      for (int j = 0; j < 32; j += LANES) {
        IntVector four = Lanes.bytes(at + j).lanewise(LSHR, g / 2 % 2 * 4).and(15);
        IntVector two = Lanes.bytes(upperAt + j).lanewise(LSHR, g % 4 * 2).and(3);
        FloatVector code = Lanes.toFloats(four.or(two.lanewise(LSHL, 4)).sub(32));
        sum = code.mul(scales[2 * g + j / 16]).fma(x(x, k + j), sum);
      }
    }
    return sum.reduceLanes(VectorOperators.ADD);
  }

  private static FloatVector x(float[] x, int at) {
    return FloatVector.fromArray(FLOATS, x, at);
  }

  private static FloatVector low(float[] table) {
    return FloatVector.fromArray(FLOATS, table, 0);
  }

  /// The second half of a table that does not fit one register.
  private static FloatVector high(float[] table) {
    return FloatVector.fromArray(FLOATS, table, VectorSupport.WIDE ? 0 : 8);
  }

  private static FloatVector lookUp(IntVector index, IntVector low, IntVector high) {
    IntVector bits = index.selectFrom(low);
    if (!VectorSupport.WIDE) {
      bits = bits.blend(index.selectFrom(high), index.compare(VectorOperators.GE, 8));
    }
    return bits.reinterpretAsFloats();
  }
}
