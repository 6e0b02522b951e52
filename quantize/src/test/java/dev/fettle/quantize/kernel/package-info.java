@NullMarked
package dev.fettle.quantize.kernel;

import org.jspecify.annotations.NullMarked;
