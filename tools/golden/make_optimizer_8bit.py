"""finetune/.../golden/optimizer-8bit.safetensors: bitsandbytes' block-wise 8-bit AdamW.

A matrix [40,130], whose last block is short, over 6 steps with random gradients of widely different sizes. bitsandbytes
has no 8-bit optimizer for the CPU among its registered operators; this calls its plain PyTorch implementation of the
same step, which its Triton backend ships.
"""

import torch
from bitsandbytes.backends.triton.kernels_optim import optimizer_update_8bit_blockwise_pytorch as update
from bitsandbytes.functional import create_dynamic_map

import common

SEED, STEPS, SHAPE, BLOCK = 8, 6, (40, 130), 256
LEARNING_RATE, BETAS, EPSILON, WEIGHT_DECAY = 0.01, (0.9, 0.95), 1e-6, 0.1


def main():
    common.arguments(__doc__)
    torch.manual_seed(SEED)
    maps = create_dynamic_map(signed=True), create_dynamic_map(signed=False)
    blocks = -(-SHAPE[0] * SHAPE[1] // BLOCK)
    value = torch.randn(SHAPE)
    codes = [torch.zeros(SHAPE, dtype=torch.uint8) for _ in maps]
    absmax = [torch.zeros(blocks) for _ in maps]
    tensors = {"start": value.clone(), "signed_map": maps[0], "unsigned_map": maps[1]}
    for step in range(1, STEPS + 1):
        gradient = torch.randn(SHAPE) * 10 ** (-4 * torch.rand(SHAPE))
        tensors[f"gradient.{step}"] = gradient.clone()
        update(
            value, gradient, codes[0], codes[1], BETAS[0], BETAS[1], 0.0, 0.0, EPSILON, step, LEARNING_RATE, maps[0],
            maps[1], absmax[0], absmax[1], WEIGHT_DECAY, 1.0, False, optimizer_name="adam")
        tensors[f"value.{step}"] = value.clone()
        for name, i in (("first", 0), ("second", 1)):
            tensors[f"{name}.{step}"] = codes[i].clone()
            tensors[f"{name}_absmax.{step}"] = absmax[i].clone()
    common.save_tensors(common.golden_folder("finetune") / "optimizer-8bit.safetensors", tensors, common.metadata(
        SEED, learning_rate=LEARNING_RATE, beta1=BETAS[0], beta2=BETAS[1], epsilon=EPSILON, weight_decay=WEIGHT_DECAY))


main()
