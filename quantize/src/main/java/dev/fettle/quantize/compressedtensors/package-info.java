/// How compressed-tensors, and so llm-compressor and vLLM, lay quantized weights out in
/// safetensors, and the configuration they put in `config.json`.
@NullMarked
package dev.fettle.quantize.compressedtensors;

import org.jspecify.annotations.NullMarked;
