"""Writes quantize/src/test/resources/golden/compressed-tensors.safetensors: what compressed-tensors stores for a matrix
under several integer schemes, to compare with Fettle's own bytes.

    python make_compressed_tensors.py OUTPUT.safetensors

Made with compressed-tensors 0.17.1 and torch 2.13.0; the input is random, seed 7.
"""

import sys

import torch
from compressed_tensors.compressors.naive_quantized.base import IntQuantizationCompressor
from compressed_tensors.compressors.pack_quantized.base import PackedQuantizationCompressor
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from compressed_tensors.quantization.utils import calculate_qparams
from safetensors.torch import save_file

ROWS, COLUMNS = 24, 96
SCHEMES = {
    "int4:sym:group=32": dict(num_bits=4, symmetric=True, strategy="group", group_size=32),
    "int4:asym:group=32": dict(num_bits=4, symmetric=False, strategy="group", group_size=32),
    "int8:sym:channel": dict(num_bits=8, symmetric=True, strategy="channel"),
    "int8:asym:channel": dict(num_bits=8, symmetric=False, strategy="channel"),
    "int3:sym:group=32": dict(num_bits=3, symmetric=True, strategy="group", group_size=32),
    "int6:asym:group=32": dict(num_bits=6, symmetric=False, strategy="group", group_size=32),
    "int8:asym:tensor": dict(num_bits=8, symmetric=False, strategy="tensor"),
}


def ranges(weight, strategy, group_size):
    if strategy == "group":
        parts = weight.view(ROWS, COLUMNS // group_size, group_size)
        return parts.amin(-1), parts.amax(-1)
    if strategy == "channel":
        return weight.amin(1, keepdim=True), weight.amax(1, keepdim=True)
    return weight.min().reshape(1), weight.max().reshape(1)


def main():
    weight = torch.randn(ROWS, COLUMNS, generator=torch.Generator().manual_seed(7)) * 0.05
    tensors = {"input": weight}
    for name, settings in SCHEMES.items():
        arguments = QuantizationArgs(type="int", **settings)
        low, high = ranges(weight, settings["strategy"], settings.get("group_size"))
        scale, zero = calculate_qparams(low, high, arguments)
        scheme = QuantizationScheme(targets=["Linear"], weights=arguments)
        for compressor in (PackedQuantizationCompressor, IntQuantizationCompressor):
            if compressor is IntQuantizationCompressor and settings["num_bits"] != 8:
                continue
            state = {"weight": weight, "weight_scale": scale, "weight_zero_point": zero}
            kind = "pack" if compressor is PackedQuantizationCompressor else "int"
            for key, tensor in compressor.compress(state, scheme).items():
                tensors[f"{name}/{kind}.{key}"] = tensor.contiguous().clone()
    save_file(tensors, sys.argv[1], metadata={"made_by": "compressed-tensors 0.17.1, torch 2.13.0, seed 7"})


main()
