/// SmoothQuant: part of the activations' range is moved into the weights, so that both fit into 8
/// bits. Xiao et al. 2022, arXiv:2211.10438.
@NullMarked
package dev.fettle.calibrate.smoothquant;

import org.jspecify.annotations.NullMarked;
