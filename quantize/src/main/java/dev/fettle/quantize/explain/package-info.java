/// Explanations of what the formats do to numbers: how a number is stored in binary, how a range
/// becomes integers, what LoRA trains, how much memory a model takes. Plain records without a model
/// and without output; the command line and the HTML report draw them.
@NullMarked
package dev.fettle.quantize.explain;

import org.jspecify.annotations.NullMarked;
