/// Optimizer moments kept in 8 bits: their arithmetic, without a model or a training loop. Dettmers
/// et al. 2021, arXiv:2110.02861.
@NullMarked
package dev.fettle.quantize.moments;

import org.jspecify.annotations.NullMarked;
