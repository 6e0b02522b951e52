@NullMarked
package dev.fettle.quantize.awq;

import org.jspecify.annotations.NullMarked;
