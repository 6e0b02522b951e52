/// How GPTQ tools (AutoGPTQ, GPTQModel, and transformers and vLLM with them) lay quantized weights
/// out in safetensors, and the configuration they put beside them.
@NullMarked
package dev.fettle.quantize.gptq;

import org.jspecify.annotations.NullMarked;
