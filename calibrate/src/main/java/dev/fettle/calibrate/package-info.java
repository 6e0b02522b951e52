/// What quantization learns from the activations of a model on a calibration text, and what it does
/// with it.
///
/// Arithmetic that needs no model, such as the search for a clipping threshold in a histogram, is
/// not here but in the quantize module.
@NullMarked
package dev.fettle.calibrate;

import org.jspecify.annotations.NullMarked;
