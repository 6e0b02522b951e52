@NullMarked
package dev.fettle.checkpoint.gguf;

import org.jspecify.annotations.NullMarked;
