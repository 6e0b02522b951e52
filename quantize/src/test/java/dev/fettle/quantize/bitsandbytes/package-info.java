@NullMarked
package dev.fettle.quantize.bitsandbytes;

import org.jspecify.annotations.NullMarked;
