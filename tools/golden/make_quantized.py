"""quantize/.../golden/bitsandbytes.safetensors: small weights and what bitsandbytes makes of them.

For each case NAME: `input.NAME`; the tensors bitsandbytes stores for `NAME.weight`; and `dequantized.NAME`,
bitsandbytes' own way back, in the dtype of the input for NF4 and in float32 for int8. The shapes include
short last blocks, odd counts, blocks across rows, blocks of zeros and more blocks than one nested block holds.
Int8 is taken from the float16 cast, as Linear8bitLt does.
"""

import torch
from bitsandbytes import functional

import common

SEED = 4
NF4 = {
    "nf4_f32": (torch.float32, (7, 37), 64, False),
    "nf4_f16": (torch.float16, (33, 70), 32, False),
    "nf4_bf16": (torch.bfloat16, (48, 128), 128, False),
    "nf4_double_f32": (torch.float32, (5, 64), 64, True),
    "nf4_double_bf16": (torch.bfloat16, (300, 65), 64, True),
}
INT8 = {
    "int8_f32": (torch.float32, (9, 50)),
    "int8_f16": (torch.float16, (4, 33)),
    "int8_bf16": (torch.bfloat16, (16, 48)),
}


def weight(generator, dtype, shape):
    """Normal weights, each row at its own scale; the second row is zero."""
    rows = torch.randn(shape, generator=generator) * torch.logspace(-4, 0, shape[0])[:, None]
    rows[1] = 0
    return rows.to(dtype)


def main():
    common.arguments(__doc__)
    generator = torch.Generator().manual_seed(SEED)
    tensors = {}
    for name, (dtype, shape, block, double) in NF4.items():
        value = weight(generator, dtype, shape)
        packed, state = functional.quantize_4bit(value, blocksize=block, quant_type="nf4", compress_statistics=double)
        tensors[f"input.{name}"] = value
        tensors[f"{name}.weight"] = packed
        for key, part in state.as_dict(packed=True).items():
            tensors[f"{name}.weight.{key}"] = part
        tensors[f"dequantized.{name}"] = functional.dequantize_4bit(packed, state)
    for name, (dtype, shape) in INT8.items():
        value = weight(generator, dtype, shape)
        codes, scales, _ = functional.int8_vectorwise_quant(value.to(torch.float16))
        tensors[f"input.{name}"] = value
        tensors[f"{name}.weight"] = codes
        tensors[f"{name}.SCB"] = scales
        tensors[f"{name}.weight_format"] = torch.tensor(0, dtype=torch.uint8)
        tensors[f"dequantized.{name}"] = functional.int8_vectorwise_dequant(codes, scales)
    common.save_tensors(common.golden_folder("quantize") / "bitsandbytes.safetensors", tensors, common.metadata(SEED))


main()
