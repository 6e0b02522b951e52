/// How AutoAWQ (and transformers, GPTQModel and vLLM with it) lays quantized weights out in
/// safetensors in its GEMM format, and the configuration it puts beside them.
@NullMarked
package dev.fettle.quantize.awq;

import org.jspecify.annotations.NullMarked;
