package dev.fettle.calibrate.adaround;

import dev.fettle.calibrate.block.LayerProblem;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.quantize.AffineParameters;
import dev.fettle.quantize.AffineScales;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Parallel;
import java.lang.foreign.MemorySegment;

/// The optimisation of one layer: minimises
///
/// `‖(Ŵ − W)·Xᵀ‖² + λ · Σ (1 − |2h(V) − 1|^β)`, `Ŵ = s · (clamp(⌊W/s⌋ + z + h(V)) − z)`
///
/// over `V`, with the rectified sigmoid `h(V) = clip(σ(V)·(ζ − γ) + γ, 0, 1)`, ζ = 1.1, γ = −0.1
/// (arXiv:2004.10568, equations 21 to 25). β falls from 20 to 2 in whole numbers.
final class LearnedRounding {
  private static final float STRETCH = 1.2f; // ζ − γ
  private static final float SHIFT = -0.1f; // γ
  private static final int FIRST_BETA = 20;
  private static final int LAST_BETA = 2;
  private static final float BETA1 = 0.9f;
  private static final float BETA2 = 0.999f;
  private static final float EPSILON = 1e-8f;

  private final LayerProblem problem;
  private final AffineScales scales;
  private final Tensor gram;
  private final AdaRoundOptions options;
  private final int rows;
  private final int columns;
  private final float unit;

  /// One row's numbers; rows do not meet but in the matrix product.
  private final Row[] state;

  /// @param gram `XᵀX` per token, float32 `[in, in]`
  LearnedRounding(LayerProblem problem, AffineScales scales, Tensor gram, AdaRoundOptions options) {
    this.problem = problem;
    this.scales = scales;
    this.gram = gram;
    this.options = options;
    this.rows = problem.rows();
    this.columns = problem.columns();
    this.state = new Row[rows];
    this.unit = unit();
  }

  /// What moving one average weight by one step costs: the mean of `s² · (XᵀX)ⱼⱼ`.
  private float unit() {
    double[] power = new double[columns];
    for (int j = 0; j < columns; j++) {
      power[j] = gram.segment().get(HostTensor.F32_LAYOUT, 4 * ((long) j * columns + j));
    }
    double sum = 0;
    for (int row = 0; row < rows; row++) {
      for (int j = 0; j < columns; j++) {
        double scale = scales.get(scales.index(row, j)).scale();
        sum += scale * scale * power[j] / columns;
      }
    }
    double mean = sum / rows;
    return mean > 0 ? (float) mean : 1;
  }

  /// @param onGrid float32 `[out, in]`; receives the weights on the grid
  /// @return the number of rows that keep rounding to nearest
  int run(Tensor onGrid) {
    try (Scope scope = Scope.open()) {
      Tensor delta = Tensors.empty(DType.F32, rows, columns);
      forRows(row -> state[row] = new Row(row));
      for (int step = 1; step <= options.iterations(); step++) {
        step(delta, step);
      }
      float[] learned = energies(delta, Row::learned);
      float[] nearest = energies(delta, Row::nearest);
      int kept = 0;
      for (int row = 0; row < rows; row++) {
        boolean better = learned[row] < nearest[row];
        kept += better ? 0 : 1;
        state[row].write(onGrid.segment(), better);
      }
      return kept;
    }
  }

  private interface RowTask {
    void run(int row);
  }

  private void forRows(RowTask task) {
    Parallel.forRange(
        rows,
        1,
        (from, to) -> {
          for (long row = from; row < to; row++) {
            task.run((int) row);
          }
        });
  }

  private void step(Tensor delta, int step) {
    MemorySegment errors = delta.segment();
    forRows(row -> state[row].soft(errors));
    try (Scope scope = Scope.open()) {
      MemorySegment gradient = delta.matmul(gram).segment();
      int warm = (int) (options.warmUp() * options.iterations());
      double progress = (double) (step - warm) / Math.max(1, options.iterations() - warm);
      float lambda = step <= warm ? 0 : (float) options.regularization();
      int beta =
          (int) Math.round(FIRST_BETA + (LAST_BETA - FIRST_BETA) * Math.clamp(progress, 0.0, 1.0));
      float correction1 = (float) (1 - Math.pow(BETA1, step));
      float correction2 = (float) (1 - Math.pow(BETA2, step));
      forRows(row -> state[row].update(gradient, lambda, beta, correction1, correction2));
    }
  }

  private interface Rounding {
    boolean[] up(Row row);
  }

  private float[] energies(Tensor delta, Rounding rounding) {
    MemorySegment errors = delta.segment();
    forRows(row -> state[row].hard(rounding.up(state[row]), errors));
    try (Scope scope = Scope.open()) {
      return delta.matmul(gram).mulInPlace(delta).sum(1, false).toFloats();
    }
  }

  /// `u^n` for whole `n ≥ 0`.
  private static float power(float u, int n) {
    float result = 1;
    float square = u;
    for (int rest = n; rest > 0; rest >>= 1) {
      if ((rest & 1) == 1) {
        result *= square;
      }
      square *= square;
    }
    return result;
  }

  /// One row of the weight and its variables.
  private final class Row {
    private final int index;
    private final float[] weight = new float[columns];
    private final float[] scale = new float[columns];
    private final float[] below = new float[columns]; // ⌊W/s⌋
    private final float[] low = new float[columns]; // qMin − z
    private final float[] high = new float[columns]; // qMax − z
    private final float[] v = new float[columns];
    private final float[] sigmoid = new float[columns];
    private final float[] mean = new float[columns];
    private final float[] variance = new float[columns];

    Row(int index) {
      this.index = index;
      MemorySegment.copy(
          problem.weight().data(), HostTensor.F32_LAYOUT, 4L * index * columns, weight, 0, columns);
      for (int j = 0; j < columns; j++) {
        AffineParameters parameters = scales.get(scales.index(index, j));
        scale[j] = parameters.scale();
        low[j] = scales.grid().qMin() - parameters.zeroPoint();
        high[j] = scales.grid().qMax() - parameters.zeroPoint();
        float exact = weight[j] / scale[j];
        below[j] = (float) Math.floor(exact);
        float share = (exact - below[j] - SHIFT) / STRETCH; // h(V) is the exact position at first
        v[j] = (float) -Math.log(1 / share - 1);
      }
    }

    private float clamp(float k, int j) {
      return Math.min(Math.max(k, low[j]), high[j]);
    }

    /// Errors of the softly rounded weights.
    void soft(MemorySegment errors) {
      float[] error = new float[columns];
      for (int j = 0; j < columns; j++) {
        sigmoid[j] = (float) (1 / (1 + Math.exp(-v[j])));
        float h = Math.min(Math.max(sigmoid[j] * STRETCH + SHIFT, 0), 1);
        error[j] = clamp(below[j] + h, j) * scale[j] - weight[j];
      }
      MemorySegment.copy(error, 0, errors, HostTensor.F32_LAYOUT, 4L * index * columns, columns);
    }

    /// One step of Adam (Kingma and Ba 2015, arXiv:1412.6980, algorithm 1).
    ///
    /// @param gradient `ΔW · XᵀX`
    void update(
        MemorySegment gradient, float lambda, int beta, float correction1, float correction2) {
      float[] g = new float[columns];
      MemorySegment.copy(gradient, HostTensor.F32_LAYOUT, 4L * index * columns, g, 0, columns);
      float rate = (float) options.learningRate();
      for (int j = 0; j < columns; j++) {
        g[j] = direction(j, g[j], lambda, beta);
      }
      for (int j = 0; j < columns; j++) {
        mean[j] = BETA1 * mean[j] + (1 - BETA1) * g[j];
        variance[j] = BETA2 * variance[j] + (1 - BETA2) * g[j] * g[j];
        float spread = (float) Math.sqrt(variance[j] / correction2) + EPSILON;
        v[j] -= rate * (mean[j] / correction1) / spread;
      }
    }

    /// The gradient of the loss for `V`.
    private float direction(int j, float gradient, float lambda, int beta) {
      float h = sigmoid[j] * STRETCH + SHIFT;
      if (h <= 0 || h >= 1) {
        return 0;
      }
      float k = below[j] + h;
      float error = k < low[j] || k > high[j] ? 0 : 2 * gradient * scale[j] / unit;
      float u = 2 * h - 1;
      float open = 0;
      if (lambda > 0) {
        open = lambda * 2 * beta * power(Math.abs(u), beta - 1) * Math.signum(u);
      }
      return (error - open) * STRETCH * sigmoid[j] * (1 - sigmoid[j]);
    }

    boolean[] learned() {
      boolean[] up = new boolean[columns];
      for (int j = 0; j < columns; j++) {
        up[j] = v[j] > 0; // h(0) = 1/2
      }
      return up;
    }

    boolean[] nearest() {
      boolean[] up = new boolean[columns];
      for (int j = 0; j < columns; j++) {
        up[j] = Math.rint(weight[j] / scale[j]) > below[j];
      }
      return up;
    }

    private float rounded(boolean up, int j) {
      return clamp(below[j] + (up ? 1 : 0), j) * scale[j];
    }

    void hard(boolean[] up, MemorySegment errors) {
      float[] error = new float[columns];
      for (int j = 0; j < columns; j++) {
        error[j] = rounded(up[j], j) - weight[j];
      }
      MemorySegment.copy(error, 0, errors, HostTensor.F32_LAYOUT, 4L * index * columns, columns);
    }

    void write(MemorySegment onGrid, boolean useLearned) {
      boolean[] up = useLearned ? learned() : nearest();
      for (int j = 0; j < columns; j++) {
        onGrid.set(HostTensor.F32_LAYOUT, 4 * ((long) index * columns + j), rounded(up[j], j));
      }
    }
  }
}
