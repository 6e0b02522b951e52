/// GPTQ: weights quantized column by column, each error spread over the columns that follow.
/// Frantar et al. 2022, arXiv:2210.17323.
@NullMarked
package dev.fettle.calibrate.gptq;

import org.jspecify.annotations.NullMarked;
