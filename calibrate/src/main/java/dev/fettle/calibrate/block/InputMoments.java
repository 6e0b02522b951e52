package dev.fettle.calibrate.block;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import java.lang.foreign.MemorySegment;

/// What a linear layer's inputs `X`, `[tokens, in]`, leave behind while they pass: the sums that
/// determine how an error in the weight changes the output. With `Δ` the error of a weight `[out,
/// in]`, `‖Δ·Xᵀ‖² = tr(Δ · XᵀX · Δᵀ)`.
///
/// Needs `8 · in²` bytes, however many tokens are seen.
public final class InputMoments implements AutoCloseable {
  private final Scope scope = Scope.detached();
  private final Tensor gram;
  private final double[] absSum;
  private final float[] absMax;
  private long rows;

  /// @param features number of inputs
  public InputMoments(long features) {
    try (Scope.Entered entered = scope.enter()) {
      this.gram = Tensors.zeros(DType.F64, features, features);
    }
    this.absSum = new double[Math.toIntExact(features)];
    this.absMax = new float[absSum.length];
  }

  /// @param x `[tokens, in]`, any float dtype. The products of one call are summed in float32, the
  ///   calls in float64.
  public void add(Tensor x) {
    try (Scope inner = Scope.open()) {
      Tensor wide = x.to(DType.F32).contiguous();
      gram.addInPlace(wide.t().matmul(wide).to(DType.F64));
      addMagnitudes(wide.hostView());
    }
    rows += x.size(0);
  }

  private void addMagnitudes(HostTensor x) {
    int columns = absSum.length;
    float[] row = new float[columns];
    for (long r = 0; r < x.shape().dim(0); r++) {
      MemorySegment.copy(x.data(), HostTensor.F32_LAYOUT, 4 * r * columns, row, 0, columns);
      for (int j = 0; j < columns; j++) {
        float magnitude = Math.abs(row[j]);
        absSum[j] += magnitude;
        absMax[j] = Math.max(absMax[j], magnitude);
      }
    }
  }

  /// `XᵀX`, float64 `[in, in]`, owned by this object.
  public Tensor gram() {
    return gram;
  }

  /// Number of inputs.
  public int features() {
    return absSum.length;
  }

  /// Tokens seen.
  public long rows() {
    return rows;
  }

  /// Mean magnitude of each input.
  public double[] meanAbs() {
    double[] mean = absSum.clone();
    for (int j = 0; j < mean.length; j++) {
      mean[j] /= Math.max(1, rows);
    }
    return mean;
  }

  /// Largest magnitude of each input.
  public float[] absMax() {
    return absMax.clone();
  }

  /// Whether every sum is finite; if not, an activation was NaN or infinite.
  public boolean allFinite() {
    return gram.allFinite();
  }

  @Override
  public void close() {
    scope.close();
  }
}
