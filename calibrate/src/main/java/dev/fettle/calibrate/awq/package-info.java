/// AWQ: channels with large activations are scaled up before the weights are rounded. Lin et al.
/// 2023, arXiv:2306.00978.
@NullMarked
package dev.fettle.calibrate.awq;

import org.jspecify.annotations.NullMarked;
