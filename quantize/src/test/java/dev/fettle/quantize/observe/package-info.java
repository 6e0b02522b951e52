@NullMarked
package dev.fettle.quantize.observe;

import org.jspecify.annotations.NullMarked;
