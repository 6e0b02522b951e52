@NullMarked
package dev.fettle.export;

import org.jspecify.annotations.NullMarked;
