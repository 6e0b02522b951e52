package dev.fettle.calibrate.block;

import dev.fettle.quantize.QuantizeReport;
import java.util.List;

/// What a run did.
///
/// @param folder sizes, and each weight's error
/// @param layers each layer's error in its outputs, in the order of the computation
/// @param seconds of this process, without what an earlier one had finished
public record BlockwiseReport(QuantizeReport folder, List<LayerReport> layers, double seconds) {

  /// Layers that were rounded to nearest because the algorithm could not work.
  public List<LayerReport> fallbacks() {
    return layers.stream().filter(LayerReport::fallback).toList();
  }
}
