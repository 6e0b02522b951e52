/// GGUF, the file format of llama.cpp: metadata and tensors in one file, read from a mapping and
/// written as a stream; what a model's names, keys and row order are in it.
///
/// Nothing here knows how a block of quantized numbers is computed; only how many bytes it takes.
@NullMarked
package dev.fettle.checkpoint.gguf;

import org.jspecify.annotations.NullMarked;
