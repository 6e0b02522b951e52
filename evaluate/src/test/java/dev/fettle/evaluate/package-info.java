@NullMarked
package dev.fettle.evaluate;

import org.jspecify.annotations.NullMarked;
