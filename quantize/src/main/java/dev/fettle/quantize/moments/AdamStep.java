package dev.fettle.quantize.moments;

/// The factors of one step of AdamW, each rounded once from float64 to float32; Loshchilov & Hutter
/// 2017, arXiv:1711.05101, algorithm 2, in the order of operations of `torch.optim.AdamW`:
///
/// ```
/// p ← p · decay
/// m ← m · beta1 + gradWeight1 · g        v ← v · beta2 + (gradWeight2 · g) · g
/// p ← p + (stepSize · m) / (√v / rootCorrection2 + epsilon)
/// ```
///
/// @param beta1 decay of the first moment
/// @param gradWeight1 `1 − beta1`
/// @param beta2 decay of the second moment
/// @param gradWeight2 `1 − beta2`
/// @param rootCorrection2 `√(1 − beta2ᵗ)`
/// @param epsilon added to the root of the second moment
/// @param stepSize `−learningRate / (1 − beta1ᵗ)`
/// @param decay `1 − learningRate · weightDecay`
public record AdamStep(
    float beta1,
    float gradWeight1,
    float beta2,
    float gradWeight2,
    float rootCorrection2,
    float epsilon,
    float stepSize,
    float decay) {

  /// @param t number of the step, from 1
  public static AdamStep of(
      double beta1, double beta2, double epsilon, double learningRate, double weightDecay, int t) {
    return new AdamStep(
        (float) beta1,
        (float) (1 - beta1),
        (float) beta2,
        (float) (1 - beta2),
        (float) Math.sqrt(1 - Math.pow(beta2, t)),
        (float) epsilon,
        (float) (-learningRate / (1 - Math.pow(beta1, t))),
        (float) (1 - learningRate * weightDecay));
  }
}
