@NullMarked
package dev.fettle.quantize;

import org.jspecify.annotations.NullMarked;
