package dev.fettle.calibrate.budget;

import dev.fettle.quantize.Scheme;

/// One scheme for one layer.
///
/// @param bytes everything a model folder stores for the layer's weight
/// @param divergence of the model in which only this layer is quantized, in nats per token
public record Option(Scheme scheme, long bytes, double divergence) {}
