"""The tools that load files, each with how far its logits may be from Fettle's, and why."""

from dataclasses import dataclass
from typing import Callable

import torch

import huggingface

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
    "(compressed-tensors in float32 and in float64 differ by 0.25); a token before any such input must agree within 1e-4, "
    "which a different rule would not")

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

    def weight_difference(self, fettle, tool):
        return largest(fettle.to(self.unpacks_to).float(), tool)

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
    "compressed-tensors", bound=ROUNDED_INPUTS_LOGITS, reason=ROUNDED_INPUTS_REASON, some_token_exact=True)
COMPRESSED_TENSORS_BFLOAT16 = transformers_reader(
    "compressed-tensors", bound=BFLOAT16_WEIGHTS_LOGITS, reason=BFLOAT16_WEIGHTS_REASON, unpacks_to=torch.bfloat16)
