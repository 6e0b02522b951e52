/// AdaRound: whether each weight is rounded up or down is learned, so that the layer's outputs
/// change least. Nagel et al. 2020, arXiv:2004.10568.
@NullMarked
package dev.fettle.calibrate.adaround;

import org.jspecify.annotations.NullMarked;
