package dev.fettle.calibrate.block;

import dev.fettle.quantize.AffineTensor;

/// A quantized weight, and how it came about.
///
/// @param note what a person should know, such as the damping; empty if nothing
/// @param fallback whether the algorithm gave up and the weight was rounded to nearest
public record LayerResult(AffineTensor tensor, String note, boolean fallback) {}
