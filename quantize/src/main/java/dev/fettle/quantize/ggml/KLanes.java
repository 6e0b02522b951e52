package dev.fettle.quantize.ggml;

import static dev.fettle.quantize.ggml.Lanes.FLOATS;
import static dev.fettle.quantize.ggml.Lanes.LANES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// The search of [KSearch] with a sub-block in each lane, so that every lane adds up in the same
/// order as the definition. Number `i` of all sub-blocks is one vector.
final class KLanes {
  /// Adding and subtracting this rounds a number below 2^22 to nearest even.
  private static final float ROUND = 0x1.8p23f;

  /// `x[i · LANES + lane]`: number `i` of the lane's sub-block.
  final float[] x = new float[32 * LANES];

  /// The codes, in the same order.
  final float[] codes = new float[32 * LANES];

  /// Per lane.
  final float[] scales = new float[LANES];

  final float[] mins = new float[LANES];
  private final float[] weights = new float[32 * LANES];
  private final float[] least = new float[LANES];
  private final float[] greatest = new float[LANES];
  private final float[] errors = new float[LANES];
  private final float[] sumOfWeights = new float[LANES];
  private final float[] sumOfX = new float[LANES];
  private final float[] sumL = new float[LANES];
  private final float[] sumL2 = new float[LANES];
  private final float[] sumXl = new float[LANES];

  private static FloatVector at(float[] values, int i) {
    return FloatVector.fromArray(FLOATS, values, i * LANES);
  }

  /// The nearest whole number from `low` to `high`; NaN becomes `low`, which is 0 where it can
  /// occur.
  private static FloatVector round(FloatVector value, float low, float high) {
    FloatVector rounded = value.add(ROUND).sub(ROUND);
    FloatVector above =
        FloatVector.broadcast(FLOATS, low).blend(rounded, rounded.compare(VectorOperators.GE, low));
    return above.blend(high, above.compare(VectorOperators.GT, high));
  }

  /// As [KSearch#affine], for all lanes.
  void affine(KSearch.Grid grid) {
    FloatVector squares = FloatVector.zero(FLOATS);
    for (int i = 0; i < 32; i++) {
      FloatVector v = at(x, i);
      squares = squares.add(v.mul(v));
    }
    FloatVector rms = squares.div(32).sqrt();
    FloatVector min = at(x, 0);
    FloatVector max = min;
    FloatVector sumW = FloatVector.zero(FLOATS);
    FloatVector sumX = FloatVector.zero(FLOATS);
    for (int i = 0; i < 32; i++) {
      FloatVector v = at(x, i);
      FloatVector weight = rms.add(v.abs());
      weight.intoArray(weights, i * LANES);
      min = min.blend(v, v.compare(VectorOperators.LT, min));
      max = max.blend(v, v.compare(VectorOperators.GT, max));
      sumW = sumW.add(weight);
      sumX = sumX.add(weight.mul(v));
    }
    min = min.blend(0, min.compare(VectorOperators.GT, 0));
    VectorMask<Float> constant = max.compare(VectorOperators.EQ, min);
    max.intoArray(greatest, 0);
    sumW.intoArray(sumOfWeights, 0);
    sumX.intoArray(sumOfX, 0);
    min.intoArray(least, 0);
    firstGuess(grid.top());
    for (int step = 0; step <= grid.steps(); step++) {
      sums(grid.numerator(step), grid.top());
      compare();
    }
    at(scales, 0).blend(0, constant).intoArray(scales, 0);
    at(least, 0).neg().blend(min.neg(), constant).intoArray(mins, 0);
  }

  // Steps of the search. They are small, and meet in arrays, because the compiler gives up on
  // methods with many vector operations.

  private void firstGuess(int top) {
    FloatVector min = at(least, 0);
    FloatVector iscale = FloatVector.broadcast(FLOATS, top).div(at(greatest, 0).sub(min));
    FloatVector scale = FloatVector.broadcast(FLOATS, 1).div(iscale);
    FloatVector error = FloatVector.zero(FLOATS);
    for (int i = 0; i < 32; i++) {
      FloatVector v = at(x, i);
      FloatVector code = round(iscale.mul(v.sub(min)), 0, top);
      FloatVector difference = scale.mul(code).add(min).sub(v);
      error = error.add(at(weights, i).mul(difference.mul(difference)));
    }
    scale.intoArray(scales, 0);
    error.intoArray(errors, 0);
  }

  /// The candidate's codes and their sums.
  private void sums(float numerator, int top) {
    FloatVector low = at(least, 0);
    FloatVector iscale = FloatVector.broadcast(FLOATS, numerator).div(at(greatest, 0).sub(low));
    FloatVector first = FloatVector.zero(FLOATS);
    FloatVector second = FloatVector.zero(FLOATS);
    FloatVector product = FloatVector.zero(FLOATS);
    for (int i = 0; i < 32; i++) {
      FloatVector v = at(x, i);
      FloatVector code = round(iscale.mul(v.sub(low)), 0, top);
      code.intoArray(codes, i * LANES);
      FloatVector weighted = at(weights, i).mul(code);
      first = first.add(weighted);
      second = second.add(weighted.mul(code));
      product = product.add(weighted.mul(v));
    }
    first.intoArray(sumL, 0);
    second.intoArray(sumL2, 0);
    product.intoArray(sumXl, 0);
  }

  /// Takes the candidate where it is better.
  private void compare() {
    FloatVector first = at(sumL, 0);
    FloatVector second = at(sumL2, 0);
    FloatVector product = at(sumXl, 0);
    FloatVector sumW = at(sumOfWeights, 0);
    FloatVector sumX = at(sumOfX, 0);
    FloatVector determinant = sumW.mul(second).sub(first.mul(first));
    FloatVector freeSlope = sumW.mul(product).sub(sumX.mul(first)).div(determinant);
    FloatVector freeOffset = second.mul(sumX).sub(first.mul(product)).div(determinant);
    VectorMask<Float> positive = freeOffset.compare(VectorOperators.GT, 0);
    FloatVector slope = freeSlope.blend(product.div(second), positive);
    FloatVector offset = freeOffset.blend(0, positive);
    FloatVector candidate = FloatVector.zero(FLOATS);
    for (int i = 0; i < 32; i++) {
      FloatVector difference = slope.mul(at(codes, i)).add(offset).sub(at(x, i));
      candidate = candidate.add(at(weights, i).mul(difference.mul(difference)));
    }
    FloatVector error = at(errors, 0);
    VectorMask<Float> better =
        candidate
            .compare(VectorOperators.LT, error)
            .and(determinant.compare(VectorOperators.GT, 0));
    error.blend(candidate, better).intoArray(errors, 0);
    at(scales, 0).blend(slope, better).intoArray(scales, 0);
    at(least, 0).blend(offset, better).intoArray(least, 0);
  }

  /// The codes for the given scales and offsets, one of each per lane; without meaning where the
  /// scale is zero.
  void affineCodes(float[] lanesScales, float[] lanesMins, int top) {
    FloatVector scale = at(lanesScales, 0);
    FloatVector min = at(lanesMins, 0);
    for (int i = 0; i < 32; i++) {
      round(at(x, i).add(min).div(scale), 0, top).intoArray(codes, i * LANES);
    }
  }

  /// As [KSearch#symmetric], for all lanes; sub-blocks have 16 numbers.
  void symmetric() {
    FloatVector largest = FloatVector.zero(FLOATS);
    for (int i = 0; i < 16; i++) {
      FloatVector v = at(x, i);
      largest = largest.blend(v, v.abs().compare(VectorOperators.GT, largest.abs()));
      v.mul(v).intoArray(weights, i * LANES);
    }
    VectorMask<Float> none = largest.abs().compare(VectorOperators.LT, KSearch.LEAST);
    FloatVector scale = FloatVector.zero(FLOATS);
    FloatVector best = FloatVector.zero(FLOATS);
    for (int step = 0; step < 19; step++) {
      FloatVector iscale = FloatVector.broadcast(FLOATS, -KSearch.candidate(step, 32)).div(largest);
      FloatVector sumXl = FloatVector.zero(FLOATS);
      FloatVector sumL2 = FloatVector.zero(FLOATS);
      for (int i = 0; i < 16; i++) {
        FloatVector v = at(x, i);
        FloatVector weight = at(weights, i);
        FloatVector code = round(iscale.mul(v), -32, 31);
        sumXl = sumXl.add(weight.mul(v).mul(code));
        sumL2 = sumL2.add(weight.mul(code).mul(code));
      }
      FloatVector quotient = sumXl.div(sumL2);
      FloatVector fitted = quotient.blend(0, sumL2.compare(VectorOperators.EQ, 0));
      VectorMask<Float> better =
          sumXl
              .mul(sumXl)
              .compare(VectorOperators.GT, best.mul(sumL2))
              .and(sumL2.compare(VectorOperators.GT, 0));
      VectorMask<Float> taken = step == 0 ? better.or(better.not()) : better;
      scale = scale.blend(fitted, taken);
      best = best.blend(fitted.mul(sumXl), taken);
    }
    scale.blend(0, none).intoArray(scales, 0);
  }

  /// The codes for the given scales, one per lane, 32 higher; without meaning where the scale is
  /// zero.
  void symmetricCodes(float[] lanesScales) {
    FloatVector scale = at(lanesScales, 0);
    for (int i = 0; i < 16; i++) {
      round(at(x, i).div(scale), -32, 31).add(32).intoArray(codes, i * LANES);
    }
  }
}
