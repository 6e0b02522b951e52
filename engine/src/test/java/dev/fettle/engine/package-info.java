@NullMarked
package dev.fettle.engine;

import org.jspecify.annotations.NullMarked;
