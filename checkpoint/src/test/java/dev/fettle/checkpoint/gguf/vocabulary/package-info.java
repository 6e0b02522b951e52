@NullMarked
package dev.fettle.checkpoint.gguf.vocabulary;

import org.jspecify.annotations.NullMarked;
