package dev.fettle.calibrate.block;

import dev.fettle.quantize.AffineParameters;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.tensor.HostTensor;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/// What an algorithm made of one block.
///
/// @param weights the quantized weights by module path
/// @param changed norms and biases that are others now, by tensor name, in their stored dtype
/// @param folds scales that the weights were multiplied by before they were quantized, by module
///   path
/// @param inputs calibrated parameters of static activations, by module path
/// @param reports one per quantized layer
public record BlockResult(
    SequencedMap<String, AffineTensor> weights,
    Map<String, HostTensor> changed,
    Map<String, Fold> folds,
    Map<String, AffineParameters> inputs,
    List<LayerReport> reports) {

  /// A weight `W` became `diag(rows) · W · diag(columns)`.
  ///
  /// @param rows `[out]`
  /// @param columns `[in]`
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Fold(float[] rows, float[] columns) {}
}
