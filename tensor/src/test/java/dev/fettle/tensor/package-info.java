@NullMarked
package dev.fettle.tensor;

import org.jspecify.annotations.NullMarked;
