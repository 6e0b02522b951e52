@NullMarked
package dev.fettle.quantize.explain;

import org.jspecify.annotations.NullMarked;
