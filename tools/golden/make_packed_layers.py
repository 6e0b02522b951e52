"""Writes quantize/src/test/resources/golden/gptq-awq.safetensors: what AutoGPTQ, GPTQModel and AutoAWQ store for a
linear layer of chosen integers, and the weight each of them reads back from it.

    python make_packed_layers.py OUTPUT.safetensors

Needs requirements-gptq.txt. Made with auto_gptq 0.7.1, gptqmodel 7.7.0, autoawq 0.2.7.post3, torch 2.13.0, on CPU,
seed 44. For each case the file holds the input (`codes` U8 [out, in] without a sign, `zeros` U8 [out, groups],
`scale` F16 [out, groups], `groups` I32 [in]), the tool's own tensors (`qweight`, `qzeros`, `scales`, `g_idx`) and
`weight` F16 [out, in], as the tool dequantizes it.
"""

import importlib.util
import os
import sys
from importlib.metadata import distribution

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from gptqmodel.nn_modules.qlinear.torch import TorchLinear
from gptqmodel.nn_modules.qlinear.torch_awq import AwqTorchLinear
from safetensors.torch import save_file

OUT, IN = 32, 128


def module(package, path):
    """One file of a package whose __init__ wants an older transformers."""
    file = distribution(package).locate_file(path)
    spec = importlib.util.spec_from_file_location(path.replace("/", "_").removesuffix(".py"), file)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


autogptq = module("auto-gptq", "auto_gptq/nn_modules/qlinear/qlinear_cuda.py")
awq_packing = module("autoawq", "awq/utils/packing_utils.py")


def example(bits, group_size, symmetric, act_order, generator):
    """Integers, zero points, float16 scales and groups; the weight they stand for is exact in float32."""
    size = IN if group_size == -1 else group_size
    count = IN // size
    top = 2**bits - 1
    codes = torch.randint(0, top + 1, (OUT, IN), generator=generator)
    if symmetric:
        zeros = torch.full((OUT, count), 2 ** (bits - 1))
    else:
        zeros = torch.randint(0, top + 1, (OUT, count), generator=generator)
    scale = (torch.rand(OUT, count, generator=generator) * 0.02 + 0.001).half()
    groups = torch.arange(IN) // size
    if act_order:
        groups = groups[torch.randperm(IN, generator=generator)]
    weight = (codes - zeros[:, groups]).float() * scale.float()[:, groups]
    return codes, zeros, scale, groups.to(torch.int32), weight


def linear(weight, dtype=torch.float32):
    layer = torch.nn.Linear(IN, OUT, bias=False, dtype=dtype)
    layer.weight.data = weight.to(dtype)
    return layer


def with_autogptq(bits, group_size, weight, scale, zeros, groups):
    layer = autogptq.QuantLinear(bits, group_size, IN, OUT, False, weight_dtype=torch.float16)
    layer.pack(linear(weight), scale.float(), zeros.float(), groups)
    layer.scales = layer.scales.half()
    # its forward pass multiplies by the weight it dequantizes: the identity gives that weight back
    dequantized = layer(torch.eye(IN, dtype=torch.float16)).t()
    return layer, dequantized


def with_gptqmodel(bits, group_size, symmetric, act_order, weight, scale, zeros, groups):
    layer = TorchLinear(
        bits=bits, group_size=group_size, sym=symmetric, desc_act=act_order, in_features=IN, out_features=OUT,
        bias=False, pack_dtype=torch.int32, register_buffers=True)
    layer.pack_original(linear(weight), scale.float(), zeros.to(torch.int32), groups)
    layer.eval()
    layer.optimized = True  # without torch.compile
    layer.post_init()
    return layer, layer.dequantize_weight().t()


def with_awq(group_size, weight, scale, zeros):
    """Packed by GPTQModel's AWQ layer (AutoAWQ's own packer is in a file that needs its CUDA package), read back by
    AutoAWQ's unpacking."""
    layer = AwqTorchLinear(
        bits=4, group_size=group_size, sym=False, desc_act=False, in_features=IN, out_features=OUT, bias=False,
        register_buffers=True)
    layer.pack(linear(weight), scale.float(), zeros.float())
    return layer, awq_packing.dequantize_gemm(layer.qweight, layer.qzeros, layer.scales, 4, group_size).t()


def main():
    generator = torch.Generator().manual_seed(44)
    tensors = {}

    def add(name, inputs, outputs):
        codes, zeros, scale, groups, weight = inputs
        tensors[name + ".codes"] = codes.to(torch.uint8)
        tensors[name + ".zeros"] = zeros.to(torch.uint8)
        tensors[name + ".scale"] = scale
        tensors[name + ".groups"] = groups
        for key, value in outputs.items():
            tensors[name + "." + key] = value.detach().contiguous().clone()
        exact = weight.half()
        if not torch.equal(outputs["weight"].half(), exact):
            sys.exit(f"{name}: the tool reads another weight")

    for bits, group_size, act_order in [(4, 32, False), (4, -1, False), (8, 32, False), (2, 64, False), (4, 32, True)]:
        inputs = example(bits, group_size, True, act_order, generator)
        codes, zeros, scale, groups, weight = inputs
        layer, read = with_autogptq(bits, group_size, weight, scale, zeros, groups)
        name = f"gptq/int{bits}:sym:{'channel' if group_size < 0 else f'group={group_size}'}" + ("/act" if act_order else "")
        add(name, inputs, {
            "qweight": layer.qweight, "qzeros": layer.qzeros, "scales": layer.scales, "g_idx": layer.g_idx, "weight": read})

    for bits, group_size, symmetric, act_order in [
            (4, 32, False, False), (8, 64, False, False), (4, 32, False, True), (4, 32, True, False)]:
        inputs = example(bits, group_size, symmetric, act_order, generator)
        codes, zeros, scale, groups, weight = inputs
        layer, read = with_gptqmodel(bits, group_size, symmetric, act_order, weight, scale, zeros, groups)
        name = f"gptq_v2/int{bits}:{'sym' if symmetric else 'asym'}:group={group_size}" + ("/act" if act_order else "")
        add(name, inputs, {
            "qweight": layer.qweight, "qzeros": layer.qzeros, "scales": layer.scales, "g_idx": layer.g_idx, "weight": read})

    for group_size in (32, 128):
        inputs = example(4, group_size, False, False, generator)
        codes, zeros, scale, groups, weight = inputs
        layer, read = with_awq(group_size, weight, scale, zeros)
        add(f"awq/int4:asym:group={group_size}", inputs, {
            "qweight": layer.qweight, "qzeros": layer.qzeros, "scales": layer.scales, "weight": read})

    save_file(tensors, sys.argv[1], metadata={
        "made_by": "auto_gptq 0.7.1, gptqmodel 7.7.0, autoawq 0.2.7.post3, torch 2.13.0, seed 44"})


main()
