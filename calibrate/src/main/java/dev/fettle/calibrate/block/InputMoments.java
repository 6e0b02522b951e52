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
  private final float[] min;
  private final float[] max;
  private long rows;

  /// @param features number of inputs
  public InputMoments(long features) {
    try (Scope.Entered entered = scope.enter()) {
      this.gram = Tensors.zeros(DType.F64, features, features);
    }
    this.absSum = new double[Math.toIntExact(features)];
    this.min = new float[absSum.length];
    this.max = new float[absSum.length];
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
        absSum[j] += Math.abs(row[j]);
        min[j] = Math.min(min[j], row[j]);
        max[j] = Math.max(max[j], row[j]);
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
    float[] largest = new float[max.length];
    for (int j = 0; j < largest.length; j++) {
      largest[j] = Math.max(-min[j], max[j]);
    }
    return largest;
  }

  /// The smallest number among all inputs, and zero.
  public float min() {
    float least = 0;
    for (float value : min) {
      least = Math.min(least, value);
    }
    return least;
  }

  /// The largest number among all inputs, and zero.
  public float max() {
    float most = 0;
    for (float value : max) {
      most = Math.max(most, value);
    }
    return most;
  }

  /// What the sums would be if each input had been divided by its scale.
  ///
  /// @param scales positive, one per input
  public void divide(float[] scales) {
    try (Scope inner = Scope.open()) {
      Tensor inverse = Tensors.empty(DType.F64, scales.length);
      for (int j = 0; j < scales.length; j++) {
        inverse.segment().set(HostTensor.F64_LAYOUT, 8L * j, 1.0 / scales[j]);
        absSum[j] /= scales[j];
        min[j] /= scales[j];
        max[j] /= scales[j];
      }
      gram.mulInPlace(inverse).mulInPlace(inverse.view(-1, 1));
    }
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
