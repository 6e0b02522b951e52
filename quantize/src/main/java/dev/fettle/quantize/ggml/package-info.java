/// The block formats of ggml, which llama.cpp reads from GGUF files: layouts, quantizers with the
/// bytes of ggml's own, and the way back. Reading and writing GGUF files is not here.
@NullMarked
package dev.fettle.quantize.ggml;

import org.jspecify.annotations.NullMarked;
