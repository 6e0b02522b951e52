package dev.fettle.calibrate.gptq;

import dev.fettle.calibrate.block.LayerProblem;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.quantize.AffineGrid;
import dev.fettle.quantize.AffineParameters;
import dev.fettle.quantize.AffineScales;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.Granularity;
import dev.fettle.quantize.GroupIndex;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Parallel;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// One pass over the columns of a weight. Within a block of columns each error goes to the rest of
/// the block at once; the columns after the block get all of its errors in one matrix product
/// ("lazy batch updates", arXiv:2210.17323, section 3.3, step 2).
///
/// Rows do not influence each other and are shared out to the processors.
final class ColumnSweep {
  /// Rows of one thread's share: some hundred thousand multiplications.
  private static final int GRAIN = 16;

  private final LayerProblem problem;
  private final InverseHessian hessian;
  private final Tensor upper;
  private final AffineScales scales;
  private final AffineGrid grid;
  private final boolean scalesOnTheWay;
  private final int rows;
  private final int columns;
  private final int blockSize;

  ColumnSweep(LayerProblem problem, InverseHessian hessian, Tensor upper, GptqOptions options) {
    this.problem = problem;
    this.hessian = hessian;
    this.upper = upper;
    this.rows = problem.rows();
    this.columns = problem.columns();
    // a group takes its scale from weights that carry the errors of all columns before it
    this.scalesOnTheWay =
        problem.scheme().granularity() instanceof Granularity.PerGroup
            && !(options.descAct() && options.staticGroups());
    this.scales = problem.newScales(scalesOnTheWay ? groupIndex(problem, hessian) : null);
    this.grid = scales.grid();
    int group = scalesOnTheWay ? scales.columnsPerScale() : 1;
    this.blockSize = Math.max(group, options.blockSize() / group * group);
  }

  /// Columns that are quantized one after the other are a group.
  private static @Nullable HostTensor groupIndex(LayerProblem problem, InverseHessian hessian) {
    int size = Math.toIntExact(problem.scheme().granularity().columnsPerScale(problem.columns()));
    int[] groups = new int[problem.columns()];
    for (int i = 0; i < groups.length; i++) {
      groups[hessian.order()[i]] = i / size;
    }
    return GroupIndex.of(groups, size);
  }

  AffineTensor run() {
    try (Scope scope = Scope.open()) {
      Tensor alive = withoutDeadColumns();
      if (!scalesOnTheWay) {
        scales.fit(alive.hostView());
      }
      Tensor weight = alive.to(DType.F64).indexSelect(1, InverseHessian.index(hessian.order()));
      Tensor onGrid = Tensors.empty(DType.F32, rows, columns);
      for (int start = 0; start < columns; start += blockSize) {
        sweepBlock(weight, onGrid.segment(), start, Math.min(columns, start + blockSize));
      }
      return scales.round(onGrid.hostView(), problem.allocator());
    }
  }

  /// The weight, float32, with zeros where the input is always zero.
  private Tensor withoutDeadColumns() {
    try (Scope scope = Scope.open()) {
      float[] alive = new float[columns];
      for (int i = 0; i < columns; i++) {
        alive[i] = hessian.dead()[i] ? 0 : 1;
      }
      return scope.keep(Tensors.viewOf(problem.weight()).mul(Tensors.of(alive, columns)));
    }
  }

  private void sweepBlock(Tensor weight, MemorySegment onGrid, int start, int end) {
    try (Scope scope = Scope.open()) {
      int count = end - start;
      double[] spread = new double[count * count];
      MemorySegment factor = upper.segment();
      for (int i = 0; i < count; i++) {
        MemorySegment.copy(
            factor,
            HostTensor.F64_LAYOUT,
            8L * ((long) (start + i) * columns + start),
            spread,
            i * count,
            count);
      }
      Tensor errors = Tensors.empty(DType.F64, rows, count);
      MemorySegment values = weight.segment();
      MemorySegment errorValues = errors.segment();
      Parallel.forRange(
          rows,
          GRAIN,
          (from, to) -> {
            for (int row = (int) from; row < to; row++) {
              sweepRow(row, start, count, spread, values, errorValues, onGrid);
            }
          });
      if (end < columns) {
        Tensor rest = upper.narrow(0, start, count).narrow(1, end, columns - end);
        weight.narrow(1, end, columns - end).addmmInPlace(errors, rest, -1);
      }
    }
  }

  private void sweepRow(
      int row,
      int start,
      int count,
      double[] spread,
      MemorySegment weight,
      MemorySegment errors,
      MemorySegment onGrid) {
    double[] w = new double[count];
    double[] error = new double[count];
    MemorySegment.copy(
        weight, HostTensor.F64_LAYOUT, 8L * ((long) row * columns + start), w, 0, count);
    for (int i = 0; i < count; i++) {
      int column = hessian.order()[start + i];
      int at = scales.index(row, column);
      if (scalesOnTheWay && (start + i) % scales.columnsPerScale() == 0) {
        fitGroup(at, w, i);
      }
      AffineParameters parameters = scales.get(at);
      float rounded = parameters.dequantize(parameters.quantize((float) w[i], grid));
      onGrid.set(HostTensor.F32_LAYOUT, 4L * ((long) row * columns + column), rounded);
      double e = (w[i] - rounded) / spread[i * count + i];
      error[i] = e;
      for (int k = i + 1; k < count; k++) {
        w[k] -= e * spread[i * count + k];
      }
    }
    MemorySegment.copy(error, 0, errors, HostTensor.F64_LAYOUT, 8L * row * count, count);
  }

  private void fitGroup(int at, double[] w, int from) {
    float min = Float.POSITIVE_INFINITY;
    float max = Float.NEGATIVE_INFINITY;
    for (int k = from; k < from + scales.columnsPerScale(); k++) {
      min = Math.min(min, (float) w[k]);
      max = Math.max(max, (float) w[k]);
    }
    scales.set(at, min, max);
  }
}
