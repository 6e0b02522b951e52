"""quantize/.../golden/float-codes.safetensors: small weights in the 4-bit and 8-bit floating-point formats. No arguments.

`input.NAME` float32; what bitsandbytes (fp4) or compressed-tensors (the others) store for it, under their names after
`NAME.`; `dequantized.NAME` their own way back, in float32 (for mxfp4 and nvfp4 computed from the stored parts by
compressed-tensors' `dequantize` in float32, because its decompressor goes through bfloat16). The E5M2 codes are
PyTorch's cast, because compressed-tensors has only E4M3.
"""

import os

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # compressed-tensors compiles its FP4 rounding

from pathlib import Path

import bitsandbytes
import compressed_tensors
import safetensors.torch
import torch
from bitsandbytes import functional
from compressed_tensors.compressors.mxfp4 import MXFP4PackedCompressor
from compressed_tensors.compressors.naive_quantized import NaiveQuantizationCompressor
from compressed_tensors.compressors.nvfp4 import NVFP4PackedCompressor, unpack_fp4_from_uint8
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from compressed_tensors.quantization.lifecycle.forward import dequantize
from compressed_tensors.quantization.quant_scheme import preset_name_to_scheme
from compressed_tensors.quantization.utils import calculate_qparams, generate_gparam

SEED = 7


def weight(generator, shape):
    """Normal weights, each row at its own scale, with exact powers of two and signed zeros in between."""
    rows = torch.randn(shape, generator=generator) * torch.logspace(-4, 1, shape[0])[:, None]
    rows[1, ::5] = 2.0
    rows[2, ::7] = 0.0
    rows[3, : shape[1] // 2] = rows[3, 0]
    return rows


def ranges(x, group):
    grouped = x.unflatten(-1, (-1, group)) if group else x
    return grouped.amin(-1, keepdim=not group), grouped.amax(-1, keepdim=not group)


def main():
    generator = torch.Generator().manual_seed(SEED)
    tensors = {}

    x = weight(generator, (7, 37))
    packed, state = functional.quantize_4bit(x, blocksize=64, quant_type="fp4")
    tensors |= {"input.fp4": x, "fp4.weight": packed, "fp4.absmax": state.absmax}
    tensors["dequantized.fp4"] = functional.dequantize_4bit(packed, state)

    for name, strategy, group in (("fp8_tensor", "tensor", None), ("fp8_channel", "channel", None), ("fp8_group", "group", 32)):
        x = weight(generator, (6, 96))
        args = QuantizationArgs(num_bits=8, type="float", strategy=strategy, group_size=group, symmetric=True)
        low, high = (x.min(), x.max()) if strategy == "tensor" else ranges(x, group)
        scale, _ = calculate_qparams(low, high, args)
        scheme = QuantizationScheme(targets=["Linear"], weights=args)
        stored = NaiveQuantizationCompressor.compress({"weight": x, "weight_scale": scale}, scheme)
        tensors |= {f"input.{name}": x, f"{name}.weight": stored["weight"], f"{name}.weight_scale": stored["weight_scale"]}
        tensors[f"dequantized.{name}"] = NaiveQuantizationCompressor.decompress(stored, scheme)["weight"]

    x = weight(generator, (6, 50))
    scale = x.abs().amax(-1, keepdim=True) / 57344
    codes = torch.clamp(x / scale, -57344, 57344).to(torch.float8_e5m2)
    tensors |= {"input.fp8_e5m2": x, "fp8_e5m2.weight": codes, "fp8_e5m2.weight_scale": scale}
    tensors["dequantized.fp8_e5m2"] = codes.float() * scale

    for name, compressor, preset, group in (("mxfp4", MXFP4PackedCompressor, "MXFP4A16", 32), ("nvfp4", NVFP4PackedCompressor, "NVFP4A16", 16)):
        x = weight(generator, (6, 96))
        x[4, :group] = 0
        scheme = preset_name_to_scheme(preset, ["Linear"])
        state = {"weight": x}
        if name == "nvfp4":
            state["weight_global_scale"] = generate_gparam(x.min(), x.max())
        scale, _ = calculate_qparams(*ranges(x, group), scheme.weights, state.get("weight_global_scale"))
        state["weight_scale"] = scale
        stored = compressor.compress(state, scheme)
        tensors[f"input.{name}"] = x
        tensors |= {f"{name}.{key}": value for key, value in stored.items()}
        numbers = unpack_fp4_from_uint8(stored["weight_packed"], *x.shape, dtype=torch.float32)
        if name == "mxfp4":
            floats = torch.pow(2.0, stored["weight_scale"].float() - 127)
        else:
            floats = stored["weight_scale"].float()
        tensors[f"dequantized.{name}"] = dequantize(numbers, floats, None, scheme.weights, global_scale=stored.get("weight_global_scale"))

    meta = {
        "format": "pt", "torch": torch.__version__, "bitsandbytes": bitsandbytes.__version__,
        "compressed-tensors": compressed_tensors.__version__, "seed": str(SEED),
    }
    file = Path(__file__).resolve().parents[2] / "quantize/src/test/resources/golden/float-codes.safetensors"
    safetensors.torch.save_file({k: v.detach().contiguous() for k, v in tensors.items()}, file, dict(sorted(meta.items())))
    os.chmod(file, 0o644)
    for key, value in tensors.items():
        print(key, value.dtype, list(value.shape))


main()
