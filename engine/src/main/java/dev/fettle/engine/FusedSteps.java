package dev.fettle.engine;

import dev.fettle.tensor.kernel.Kernels;

/// The memory-bound steps of a decoder, each as one operation with its gradient. Activations are
/// `[rows, features]`, contiguous, float32 or bfloat16; arithmetic is float32 whatever they are.
public interface FusedSteps {
  /// Root-mean-square normalisation `y = x / sqrt(mean(x²) + eps) · (offset + weight)`; Zhang &
  /// Sennrich 2019, arXiv:1910.07467, eq. 4. As in transformers, the normalised value is rounded to
  /// the dtype of `x` before it meets the weight.
  ///
  /// @param x `[rows, features]`
  /// @param weight `[features]`, dtype of `x`
  Tensor rmsNorm(Tensor x, Tensor weight, double eps);

  /// The gradient of {@link #rmsNorm} with respect to `x`, for the output gradient `dy`.
  Tensor rmsNormBackward(Tensor dy, Tensor x, Tensor weight, double eps);

  /// The gradient of {@link #rmsNorm} with respect to the weight: float32 `[features]`.
  Tensor rmsNormWeightGrad(Tensor dy, Tensor x, double eps);

  /// Rotates pairs (i, i + headDim/2) of every head in place by the angles of the row's position;
  /// Su et al. 2021, arXiv:2104.09864, eq. 34, in the half-split order of Hugging Face checkpoints.
  ///
  /// @param x `[batch · length, heads · headDim]`
  /// @param cos float32 `[length, headDim / 2]`
  /// @param sin as `cos`
  /// @param inverse rotate back, which is the gradient
  void rotateInPlace(Tensor x, Tensor cos, Tensor sin, int headDim, boolean inverse);

  /// `silu(gate) · up`; Shazeer 2020, arXiv:2002.05202, eq. 6.
  Tensor swiGlu(Tensor gate, Tensor up);

  /// The gradients of {@link #swiGlu}, written over `gate` and `up`.
  void swiGluBackwardInPlace(Tensor dy, Tensor gate, Tensor up);

  /// The fastest implementation for tensors in host memory.
  static FusedSteps best() {
    return Kernels.vectorized() ? VectorSteps.INSTANCE : AtenSteps.INSTANCE;
  }
}
