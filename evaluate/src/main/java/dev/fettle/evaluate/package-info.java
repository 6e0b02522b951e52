/// Measures models: perplexity, and several models side by side.
@NullMarked
package dev.fettle.evaluate;

import org.jspecify.annotations.NullMarked;
