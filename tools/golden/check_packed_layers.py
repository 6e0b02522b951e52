"""Loads GPTQ and AWQ folders that Fettle wrote with transformers and GPTQModel, and packs their weights again with the
tools' own packers.

    python check_packed_layers.py FOLDER...

Needs requirements-gptq.txt (gptqmodel 7.7.0, auto_gptq 0.7.1, autoawq 0.2.7.post3, optimum 2.3.0). For each folder:
transformers loads it and fails on a missing or unexpected tensor; every layer's dequantized weight equals
(code - zero) * scale of the file in float32, rounded to the dtype the tool computes in; qweight, qzeros, scales and
g_idx equal what the tool packs from that weight. Prints the mean loss over the first tokens of the tokenizer's own
vocabulary, which has to be a finite number.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
import transformers
from gptqmodel.nn_modules.qlinear.torch import TorchLinear
from gptqmodel.nn_modules.qlinear.torch_awq import AwqTorchLinear
from gptqmodel.quantization import QuantizeConfig
from gptqmodel.quantization.awq.utils.packing_utils import dequantize_gemm
from gptqmodel.utils.model import convert_gptq_v2_to_v1_format_module
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
LANES = torch.tensor([0, 4, 1, 5, 2, 6, 3, 7])


def unpack(words, bits, along):
    """Words to integers, a stream of bits with the least significant first, along dimension 0 or 1."""
    if along == 0:
        return unpack(words.t(), bits, 1).t()
    stream = (words.to(torch.int64)[:, :, None] >> torch.arange(32)) & 1
    fields = stream.reshape(words.shape[0], -1, bits)
    return (fields << torch.arange(bits)).sum(-1)


def stored(tensors, module, config):
    """codes [in, out], zeros [groups, out], scales [groups, out], g_idx [in] of a file, by the written definition."""
    bits = config["bits"]
    qweight, qzeros, scales = (tensors[f"{module}.{name}"] for name in ("qweight", "qzeros", "scales"))
    if config["quant_method"] == "awq":
        def lanes(words):
            return unpack(words, 4, 1).reshape(words.shape[0], -1, 8)[:, :, LANES].reshape(words.shape[0], -1)
        codes, zeros = lanes(qweight), lanes(qzeros)
        groups = torch.arange(codes.shape[0]) // (codes.shape[0] // scales.shape[0])
    else:
        codes, zeros = unpack(qweight, bits, 0), unpack(qzeros, bits, 1)
        if config["checkpoint_format"] == "gptq":
            zeros = (zeros + 1) & (2**bits - 1)
        groups = tensors[f"{module}.g_idx"].long()
    return codes, zeros, scales, groups


def packed_again(config, module, weight, zeros, scales, groups):
    bits, size = config["bits"], config["group_size"]
    layer = torch.nn.Linear(weight.shape[0], weight.shape[1], bias=False)
    layer.weight.data = weight.t().contiguous()
    kwargs = dict(
        bits=bits, group_size=size, sym=config.get("sym", False), desc_act=config.get("desc_act", False),
        in_features=weight.shape[0], out_features=weight.shape[1], bias=False, register_buffers=True)
    if config["quant_method"] == "awq":
        again = AwqTorchLinear(**kwargs)
        again.pack(layer, scales.t().float(), zeros.t().float())
        return {"qweight": again.qweight, "qzeros": again.qzeros, "scales": again.scales}
    again = TorchLinear(**kwargs, pack_dtype=torch.int32)
    again.pack_original(layer, scales.t().float(), zeros.t().to(torch.int32), groups.to(torch.int32))
    if config["checkpoint_format"] == "gptq":
        convert_gptq_v2_to_v1_format_module(again, QuantizeConfig(bits=bits, group_size=size))
    return {name: getattr(again, name) for name in ("qweight", "qzeros", "scales", "g_idx")}


def check(folder):
    config = json.loads((folder / "config.json").read_text())["quantization_config"]
    tensors = load_file(folder / "model.safetensors")
    modules = [name.removesuffix(".qweight") for name in tensors if name.endswith(".qweight")]
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float16, device_map="cpu", output_loading_info=True)
    problems = {key: value for key, value in info.items() if value}
    if problems:
        raise ValueError(problems)
    worst = 0.0
    for module in modules:
        codes, zeros, scales, groups = stored(tensors, module, config)
        weight = (codes - zeros[groups]).float() * scales.float()[groups]
        for name, tensor in packed_again(config, module, weight, zeros, scales, groups).items():
            if not torch.equal(tensor, tensors[f"{module}.{name}"]):
                raise ValueError(f"{module}.{name} is not what the tool packs")
        layer = model.get_submodule(module)
        if config["quant_method"] == "awq":
            read = dequantize_gemm(
                *(tensors[f"{module}.{name}"] for name in ("qweight", "qzeros", "scales")), bits=4,
                group_size=codes.shape[0] // scales.shape[0])
        else:
            layer.optimized = True
            read = layer.dequantize_weight()
        worst = max(worst, (read.float() - weight.half().float()).abs().max().item())
    with torch.no_grad():
        loss = model(input_ids=torch.arange(3, 60)[None], labels=torch.arange(3, 60)[None]).loss.item()
    print(f"{folder}: {len(modules)} layers, integers and scales as the tool packs them, "
          f"dequantized weights differ by {worst}, loss {loss:.4f}")
    if worst != 0 or loss != loss:
        raise ValueError("weights differ")


failed = False
for name in sys.argv[1:]:
    try:
        check(Path(name))
    except Exception as error:
        print(f"FAIL {name}: {type(error).__name__} {error}")
        failed = True
sys.exit(failed)
