@NullMarked
package dev.fettle.quantize.ggml;

import org.jspecify.annotations.NullMarked;
