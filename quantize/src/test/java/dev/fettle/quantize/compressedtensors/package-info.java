@NullMarked
package dev.fettle.quantize.compressedtensors;

import org.jspecify.annotations.NullMarked;
