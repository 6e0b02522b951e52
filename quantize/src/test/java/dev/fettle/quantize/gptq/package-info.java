@NullMarked
package dev.fettle.quantize.gptq;

import org.jspecify.annotations.NullMarked;
