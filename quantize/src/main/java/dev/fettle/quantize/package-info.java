/// Number formats of quantized weights: what they store, how a weight gets into them and out again,
/// and how much is lost on the way.
///
/// Works on the host and on files only; no model is executed here.
@NullMarked
package dev.fettle.quantize;

import org.jspecify.annotations.NullMarked;
