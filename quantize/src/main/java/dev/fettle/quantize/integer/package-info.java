/// Matrix products on integer operands: 8-bit codes of activations and weights, multiplied and
/// summed in 32-bit integers, and scaled to numbers only at the end. Without a model and without
/// the engine.
@NullMarked
package dev.fettle.quantize.integer;

import org.jspecify.annotations.NullMarked;
