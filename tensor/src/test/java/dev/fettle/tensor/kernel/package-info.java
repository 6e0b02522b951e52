@NullMarked
package dev.fettle.tensor.kernel;

import org.jspecify.annotations.NullMarked;
