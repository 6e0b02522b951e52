@NullMarked
package dev.fettle.calibrate.budget;

import org.jspecify.annotations.NullMarked;
