package dev.fettle.engine;

import dev.fettle.tensor.kernel.Kernels;

/// The memory-bound steps of a decoder, each as one operation with its gradient. Activations are
/// `[rows, features]`, contiguous, float32 or bfloat16; arithmetic is float32 whatever they are.
public interface FusedSteps {
  /// Root-mean-square normalisation `y = x / sqrt(mean(x²) + eps) · g`; Zhang & Sennrich 2019,
  /// arXiv:1910.07467, eq. 4. The gain `g` is the weight, or 1 + weight as in gemma. As in
  /// transformers, the normalised value is rounded to the dtype of `x` before it meets the weight,
  /// but not before it meets 1 + weight.
  ///
  /// @param x `[rows, features]`
  /// @param weight `[features]`, dtype of `x`
  /// @param onePlus whether the gain is 1 + weight
  Tensor rmsNorm(Tensor x, Tensor weight, double eps, boolean onePlus);

  /// The gradient of {@link #rmsNorm} with respect to `x`, for the output gradient `dy`.
  Tensor rmsNormBackward(Tensor dy, Tensor x, Tensor weight, double eps, boolean onePlus);

  /// The gradient of {@link #rmsNorm} with respect to the weight, which is that of the gain:
  /// float32 `[features]`.
  Tensor rmsNormWeightGrad(Tensor dy, Tensor x, double eps);

  /// Rotates pairs (i, i + dims/2) of the first `dims` numbers of every head in place by the angles
  /// of the row's position; Su et al. 2021, arXiv:2104.09864, eq. 34, in the half-split order of
  /// Hugging Face checkpoints.
  ///
  /// @param x `[rows, heads · headDim]`
  /// @param cos float32 `[length, dims / 2]`; row r of x has the angles of row r mod length
  /// @param sin as `cos`
  /// @param inverse rotate back, which is the gradient
  void rotateInPlace(Tensor x, Tensor cos, Tensor sin, int headDim, boolean inverse);

  /// `act(gate) · up`; Shazeer 2020, arXiv:2002.05202, eq. 6.
  Tensor gated(Gate kind, Tensor gate, Tensor up);

  /// The gradients of {@link #gated}, written over `gate` and `up`.
  void gatedBackwardInPlace(Gate kind, Tensor dy, Tensor gate, Tensor up);

  /// The fastest implementation for tensors in host memory.
  static FusedSteps best() {
    return Kernels.vectorized() ? VectorSteps.INSTANCE : AtenSteps.INSTANCE;
  }
}
