@NullMarked
package dev.fettle.calibrate.gptq;

import org.jspecify.annotations.NullMarked;
