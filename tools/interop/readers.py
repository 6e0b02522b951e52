"""The tools that load files, each with how far its logits may be from Fettle's, and why."""

from dataclasses import dataclass
from typing import Callable

import torch

import huggingface
import llamacpp

# Both compute in float32 from the same floats; only the order of summation differs. transformers in float32 is itself up
# to 4e-5 from float64 on these models.
FLOAT32_LOGITS = 1e-4
FLOAT32_REASON = "both compute in float32; the order of summation differs"

# From the same unpacked weights, in float32. Coarser weights than a model was trained with make larger sums that cancel:
# FP4 of the embedded model is 1.0e-4 away, on logits up to 25.
UNPACKED_LOGITS = 3e-4
UNPACKED_REASON = "both compute in float32 from the same unpacked weights; the order of summation differs, logits reach 25"

# An input that lies on the edge between two integers falls to either side by the order of summation before it, and the
# next layers carry that on. compressed-tensors' own logits in float32 and float64 differ by 0.25 on the embedded model.
ROUNDED_INPUTS_LOGITS = 0.5
ROUNDED_INPUTS_REASON = (
    "inputs are rounded to 8 bits: one that lies between two integers falls to either side by the order of summation "
    "(compressed-tensors in float32 and in float64 differ by 0.25)")
ROUNDED_INPUTS_EXACT_REASON = ROUNDED_INPUTS_REASON + "; where no input does, a token must agree within 1e-4, and one has to"

# compressed-tensors has no float32 path for these; products of a bfloat16 scale and code are rounded to 8 bits.
BFLOAT16_WEIGHTS_LOGITS = 0.3
BFLOAT16_WEIGHTS_REASON = "compressed-tensors unpacks these to bfloat16 only, so its weights are Fettle's rounded to 8 bits"

# bitsandbytes casts the inputs of LLM.int8 to float16 before it looks for outliers and rounds them to integers.
LLM_INT8_LOGITS = 0.1
LLM_INT8_REASON = "bitsandbytes casts the inputs to float16 (11 bits) before it rounds them to 8"


def largest(actual, expected):
    return (actual.double() - expected.double()).abs().max().item() if actual.numel() else 0.0


@dataclass(frozen=True)
class Reader:
    name: str
    read: Callable  # (case, ids) -> logits [tokens, vocabulary], unpacked weights by name
    bound: float
    reason: str
    unpacks_to: torch.dtype = torch.float32
    some_token_exact: bool = False
    tokens: Callable | None = None  # (case, texts) -> token ids of each text

    def weight_difference(self, fettle, tool):
        """Of unpacked weights by name, float32; None where none are packed."""
        if set(fettle) != set(tool):
            raise ValueError(f"packed weights that only one side has: {sorted(set(fettle) ^ set(tool))[:3]}")
        return max((largest(fettle[name].to(self.unpacks_to).float(), tool[name]) for name in tool), default=None)

    def logit_difference(self, fettle, tool):
        if fettle.shape != tool.shape:
            raise ValueError(f"logits {list(tool.shape)}, Fettle's are {list(fettle.shape)}")
        if self.some_token_exact and (fettle - tool).abs().amax(1).min() > FLOAT32_LOGITS:
            raise ValueError("not one token has Fettle's logits")
        return largest(fettle, tool)


def transformers_reader(name, **more):
    dtype = more.get("unpacks_to", torch.float32)

    def read(case, ids):
        model = huggingface.load(case.model, case.adapter, dtype)
        logits = huggingface.logits(model, ids)
        return logits, huggingface.weights(model)
    return Reader(name, read, **more)


TRANSFORMERS = transformers_reader("transformers", bound=FLOAT32_LOGITS, reason=FLOAT32_REASON)
PEFT = transformers_reader("PEFT", bound=FLOAT32_LOGITS, reason=FLOAT32_REASON)
PEFT_PACKED = transformers_reader("PEFT", bound=UNPACKED_LOGITS, reason=UNPACKED_REASON)
BITSANDBYTES = transformers_reader("bitsandbytes", bound=UNPACKED_LOGITS, reason=UNPACKED_REASON)
BITSANDBYTES_INT8 = transformers_reader("bitsandbytes", bound=LLM_INT8_LOGITS, reason=LLM_INT8_REASON)
COMPRESSED_TENSORS = transformers_reader("compressed-tensors", bound=UNPACKED_LOGITS, reason=UNPACKED_REASON)
COMPRESSED_TENSORS_INTEGERS = transformers_reader(
    "compressed-tensors", bound=ROUNDED_INPUTS_LOGITS, reason=ROUNDED_INPUTS_REASON)
COMPRESSED_TENSORS_INTEGERS_EXACT = transformers_reader(
    "compressed-tensors", bound=ROUNDED_INPUTS_LOGITS, reason=ROUNDED_INPUTS_EXACT_REASON, some_token_exact=True)
COMPRESSED_TENSORS_BFLOAT16 = transformers_reader(
    "compressed-tensors", bound=BFLOAT16_WEIGHTS_LOGITS, reason=BFLOAT16_WEIGHTS_REASON, unpacks_to=torch.bfloat16)


# llama.cpp multiplies packed weights with inputs rounded the same way: to float16 for F16, to bfloat16 for BF16, to 8 bits
# in blocks for the others. Values that fall to the other side change the next layers' inputs. Measured: 0.010, 0.091, and
# 0.2 to 1.8 for packed weights, on logits up to 25. What is strict there are the weights and tokens, which are the same.
LLAMA_CPP_LOGITS = {"F32": FLOAT32_LOGITS, "F32 GELU": 0.01, "F16": 0.05, "BF16": 0.5, "packed": 3.0}
LLAMA_CPP_REASON = {
    "F32": FLOAT32_REASON,
    "F32 GELU": "llama.cpp looks GELU up in a table of float16 (11 bits)",
    "F16": "llama.cpp rounds the inputs of F16 weights to float16 (11 bits)",
    "BF16": "llama.cpp rounds the inputs of BF16 weights to bfloat16 (8 bits)",
    "packed": "llama.cpp rounds the inputs of packed weights to 8 bits, in blocks of 32 or 256",
}


def llama_cpp_reader(kind):
    return Reader(
        "llama.cpp, gguf-py", lambda case, ids: (llamacpp.logits(case.model, ids), llamacpp.weights(case.model)),
        LLAMA_CPP_LOGITS[kind], LLAMA_CPP_REASON[kind], tokens=lambda case, texts: llamacpp.tokens(case.model, texts))


# Formats whose bytes have to be llama.cpp's; its K and IQ types are searched by a method of Fettle's own.
SAME_BYTES = {"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"}


def llama_quantize(plain, name):
    """Compares with what llama.cpp's own quantization makes of the F32 file: the type of every tensor, and its bytes in
    the formats where they have to be the same."""
    def read(case, ids):
        again = case.model.with_name(case.model.stem + "-by-llama-cpp.gguf")
        llamacpp.quantize(plain, again, llamacpp.FILE_TYPES[name])
        mine, its = llamacpp.types(case.model), llamacpp.types(again)
        if mine != its:
            different = [f"{tensor} {mine.get(tensor)}, llama.cpp {its[tensor]}" for tensor in its if mine.get(tensor) != its[tensor]]
            raise ValueError(f"{len(different)} tensors of another type: {different[0]}")
        return None, llamacpp.weights(again) if name in SAME_BYTES else {}
    return QuantizerReader("llama-quantize", read, 0.0, "every tensor has the type that llama.cpp gives it; its Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0 are the same")


@dataclass(frozen=True)
class QuantizerReader(Reader):
    def weight_difference(self, fettle, tool):
        return super().weight_difference(fettle, tool) if tool else None

    def logit_difference(self, fettle, tool):
        return None


# The server gives log-probabilities of the next token; those of these lengths of the first row are compared.
PROMPTS = [1, 5, 17, 48]


def read_adapter(case, ids):
    return llamacpp.next_token(case.file, case.file_adapter, [ids[0][:length] for length in PROMPTS]), {}


@dataclass(frozen=True)
class NextTokenReader(Reader):
    def logit_difference(self, fettle, tool):
        picked = torch.stack([fettle[length - 1] for length in PROMPTS])
        given = ~tool.isnan().any(-1)
        if given.sum() < 2:
            raise ValueError("the server gives no probabilities")
        return largest(torch.log_softmax(picked.double(), -1)[given], tool[given])


LLAMA_CPP_ADAPTER = {
    kind: NextTokenReader("llama.cpp's server", read_adapter, LLAMA_CPP_LOGITS[kind], LLAMA_CPP_REASON[kind])
    for kind in ("F32", "F32 GELU")}
LLAMA_CPP = {kind: llama_cpp_reader(kind) for kind in LLAMA_CPP_LOGITS}
# GPT-QModel holds biases in float16 whatever the model computes in, and multiplies AWQ's weights in float16.
FLOAT16_BIAS_LOGITS = 0.01
FLOAT16_BIAS_REASON = "GPT-QModel rounds biases to float16 (11 bits)"
FLOAT16_PRODUCT_LOGITS = 0.1
FLOAT16_PRODUCT_REASON = "GPT-QModel multiplies AWQ's weights in float16 (11 bits)"

GPTQ = transformers_reader("GPT-QModel", bound=UNPACKED_LOGITS, reason=UNPACKED_REASON)
GPTQ_BIASED = transformers_reader("GPT-QModel", bound=FLOAT16_BIAS_LOGITS, reason=FLOAT16_BIAS_REASON)
AWQ = transformers_reader("GPT-QModel", bound=FLOAT16_PRODUCT_LOGITS, reason=FLOAT16_PRODUCT_REASON)
