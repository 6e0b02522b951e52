@NullMarked
package dev.fettle.checkpoint;

import org.jspecify.annotations.NullMarked;
