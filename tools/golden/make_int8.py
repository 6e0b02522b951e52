"""model/.../golden/llm-int8.safetensors: bitsandbytes' LLM.int8 product and its gradient.

`MatMul8bitLt` on the CPU (which bitsandbytes itself uses there for inference only; in training on the CPU it takes a
dequantized product), in float32: no outlier, some, all columns outliers, one row, a row of zeros.
"""

import bitsandbytes.functional as functional
import torch
from bitsandbytes.autograd._functions import MatMul8bitLt, MatmulLtState

import common

SEED, THRESHOLD = 8, 6.0


def case(name, rows, columns, outputs, outliers, tensors):
    x = torch.randn(rows, columns).clamp(-5.9, 5.9)
    for column in outliers:
        x[torch.arange(rows) % 2 == 0, column] = 6.0 + 20 * torch.rand(1)
        x[0, column] *= -1
    if name == "zeros":
        x[1] = 0
    weight = torch.randn(outputs, columns)
    state = MatmulLtState()
    state.CB, state.SCB, _ = functional.int8_vectorwise_quant(weight.to(torch.float16))
    state.has_fp16_weights, state.threshold, state.is_training = False, THRESHOLD, True
    x.requires_grad_(True)
    y = MatMul8bitLt.apply(x, state.CB, None, None, state)
    dy = torch.randn_like(y)
    y.backward(dy)
    assert set(state.idx.tolist()) == set(outliers), name
    for key, value in (("x", x), ("codes", state.CB), ("absmax", state.SCB), ("y", y), ("dy", dy), ("dx", x.grad)):
        tensors[f"{name}.{key}"] = value.detach().clone()


def main():
    common.arguments(__doc__)
    torch.manual_seed(SEED)
    tensors = {}
    case("none", 5, 70, 9, [], tensors)
    case("some", 33, 130, 40, [0, 17, 129], tensors)
    case("all", 4, 24, 7, list(range(24)), tensors)
    case("single", 1, 65, 12, [3, 64], tensors)
    case("zeros", 6, 48, 10, [5], tensors)
    common.save_tensors(
        common.golden_folder("model") / "llm-int8.safetensors", tensors, common.metadata(SEED, threshold=THRESHOLD))


main()
