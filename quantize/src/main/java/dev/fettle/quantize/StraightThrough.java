package dev.fettle.quantize;

import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Parallel;
import java.lang.foreign.MemorySegment;

/// The gradient of rounding to a grid, taken straight through: rounding counts as the identity, so
/// a weight inside the grid's range gets the gradient of its rounded value, and one that was
/// clipped gets none. Source: Bengio et al. 2013 (arXiv:1308.3432), section 4; Jacob et al. 2018
/// (arXiv:1712.05877), section 3.
public final class StraightThrough {
  private StraightThrough() {}

  /// Clears the gradient of clipped weights, and adds up the gradient of each step size:
  ///
  /// ```
  /// d(rounded)/d(scale) = (q − z) − w/s  inside the range,  (q − z)  where w was clipped
  /// ```
  ///
  /// Source of the latter: Esser et al. 2020, LSQ (arXiv:1902.08153), equation 3.
  ///
  /// @param weight F32 `[out, in]`, as it was rounded
  /// @param gradient F32 `[out, in]` of the rounded weight; changed in place
  /// @param scales that the weight was rounded with
  /// @return the gradient of each scale, by [AffineScales#index]
  public static float[] backward(HostTensor weight, HostTensor gradient, AffineScales scales) {
    AffineGrid grid = scales.grid();
    long rows = weight.shape().dim(0);
    int columns = Math.toIntExact(weight.shape().dim(1));
    float[] steps = new float[scales.rows() * scales.columns()];
    // rows that share a row of scales are summed by one thread, in order
    Parallel.forRange(
        scales.rows(),
        Math.max(1, QuantizedTensor.rowsPerPart(weight.shape()) / scales.rowsPerScale()),
        (from, to) -> {
          long last = Math.min(rows, to * scales.rowsPerScale());
          for (long row = from * scales.rowsPerScale(); row < last; row++) {
            backwardRow(weight.data(), gradient.data(), row, columns, grid, scales, steps);
          }
        });
    return steps;
  }

  private static void backwardRow(
      MemorySegment weight,
      MemorySegment gradient,
      long row,
      int columns,
      AffineGrid grid,
      AffineScales scales,
      float[] steps) {
    for (int column = 0; column < columns; column += scales.columnsPerScale()) {
      int index = scales.index(row, column);
      AffineParameters parameters = scales.get(index);
      int end = Math.min(columns, column + scales.columnsPerScale());
      float step = 0;
      for (int at = column; at < end; at++) {
        long offset = 4 * (row * columns + at);
        float quotient = weight.get(HostTensor.F32_LAYOUT, offset) / parameters.scale();
        float dy = gradient.get(HostTensor.F32_LAYOUT, offset);
        float level = (float) Math.rint(quotient) + parameters.zeroPoint();
        float clipped = Math.clamp(level, (float) grid.qMin(), (float) grid.qMax());
        if (clipped == level) {
          step += dy * (level - parameters.zeroPoint() - quotient);
        } else {
          step += dy * (clipped - parameters.zeroPoint());
          gradient.set(HostTensor.F32_LAYOUT, offset, 0);
        }
      }
      steps[index] += step;
    }
  }
}
