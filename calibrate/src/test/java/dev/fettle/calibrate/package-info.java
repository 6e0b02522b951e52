@NullMarked
package dev.fettle.calibrate;

import org.jspecify.annotations.NullMarked;
