package dev.fettle.calibrate.block;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.quantize.AffineParameters;
import dev.fettle.quantize.AffineScales;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Parallel;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Narrows the range of each run of weights that shares a scale to the share of it that gives the
/// smallest error: a finer step for most weights is worth the clipping of a few. The shares tried
/// are 1, 0.95, …, 0.5, as in the reference implementation of AWQ.
public final class ClipSearch {
  private static final int STEPS = 11;
  private static final float STEP = 0.05f;

  private final LayerProblem problem;
  private final @Nullable Tensor gram;
  private final int columns;
  private final int group;
  private final int groups;
  private final float[] min;
  private final float[] max;

  private ClipSearch(LayerProblem problem, @Nullable Tensor gram, AffineScales shape) {
    this.problem = problem;
    this.gram = gram;
    this.columns = problem.columns();
    this.group = shape.columnsPerScale();
    this.groups = shape.columns();
    this.min = new float[problem.rows() * groups];
    this.max = new float[problem.rows() * groups];
  }

  /// @param gram `XᵀX` of the inputs, float32 `[in, in]`, to minimise the error of the outputs,
  ///   each run of weights by itself; null to minimise that of the weights
  /// @return scales for the problem; where rows share a scale, those of the whole range
  public static AffineScales of(LayerProblem problem, @Nullable Tensor gram) {
    AffineScales scales = problem.newScales();
    if (scales.rowsPerScale() != 1) {
      scales.fit(problem.weight());
      return scales;
    }
    ClipSearch search = new ClipSearch(problem, gram, scales);
    float[] shares = search.run();
    for (int i = 0; i < shares.length; i++) {
      scales.set(i, search.min[i] * shares[i], search.max[i] * shares[i]);
    }
    return scales;
  }

  private float[] run() {
    findRanges();
    float[] best = new float[min.length];
    float[] least = new float[min.length];
    Arrays.fill(least, Float.POSITIVE_INFINITY);
    try (Scope scope = Scope.open();
        Arena arena = Arena.ofShared()) {
      Tensor delta = Tensors.empty(DType.F32, problem.rows(), columns);
      AffineScales trial = problem.newScales(arena);
      for (int step = 0; step < STEPS; step++) {
        float share = 1 - STEP * step;
        round(trial, share, delta);
        float[] errors = errors(delta);
        for (int i = 0; i < errors.length; i++) {
          if (errors[i] < least[i]) {
            least[i] = errors[i];
            best[i] = share;
          }
        }
      }
    }
    return best;
  }

  private void findRanges() {
    for (int row = 0; row < problem.rows(); row++) {
      for (int column = 0; column < columns; column++) {
        int at = row * groups + column / group;
        float value = weight(row, column);
        min[at] = Math.min(min[at], value);
        max[at] = Math.max(max[at], value);
      }
    }
  }

  private float weight(int row, int column) {
    return problem.weight().data().get(HostTensor.F32_LAYOUT, 4 * ((long) row * columns + column));
  }

  private void round(AffineScales trial, float share, Tensor delta) {
    MemorySegment out = delta.segment();
    Parallel.forRange(
        problem.rows(),
        1,
        (from, to) -> {
          for (int row = (int) from; row < to; row++) {
            for (int g = 0; g < groups; g++) {
              int at = row * groups + g;
              AffineParameters parameters = trial.set(at, min[at] * share, max[at] * share);
              for (int column = g * group; column < (g + 1) * group; column++) {
                float value = weight(row, column);
                float rounded = parameters.dequantize(parameters.quantize(value, trial.grid()));
                out.set(
                    HostTensor.F32_LAYOUT, 4 * ((long) row * columns + column), rounded - value);
              }
            }
          }
        });
  }

  /// The error of each run of weights, row by row.
  private float[] errors(Tensor delta) {
    float[] errors = new float[min.length];
    for (int g = 0; g < groups; g++) {
      try (Scope scope = Scope.open()) {
        Tensor part = delta.narrow(1, (long) g * group, group);
        Tensor spread = gram == null ? part : part.matmul(block(gram, g));
        float[] sums = spread.mul(part).sum(1, false).toFloats();
        for (int row = 0; row < sums.length; row++) {
          errors[row * groups + g] = sums[row];
        }
      }
    }
    return errors;
  }

  private Tensor block(Tensor matrix, int g) {
    return matrix.narrow(0, (long) g * group, group).narrow(1, (long) g * group, group);
  }
}
