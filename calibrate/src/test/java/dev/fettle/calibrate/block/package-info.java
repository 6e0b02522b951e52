@NullMarked
package dev.fettle.calibrate.block;

import org.jspecify.annotations.NullMarked;
