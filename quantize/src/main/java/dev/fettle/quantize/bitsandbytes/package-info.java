/// How bitsandbytes names, shapes and describes quantized weights in a checkpoint, so that
/// transformers loads what is written here and the other way round.
@NullMarked
package dev.fettle.quantize.bitsandbytes;

import org.jspecify.annotations.NullMarked;
