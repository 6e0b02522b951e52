"""tensor/.../golden/casts.properties: SHA-256 of what PyTorch's casts give. Takes no arguments.

`DTYPE.decoded`: all codes of the dtype as float32 (every NaN as 0x7FC00000). `DTYPE.encoded`: the float32 samples of
CastSamples.java (every NaN replaced by 0) as the dtype. All bytes are little-endian.
"""

import hashlib
from pathlib import Path

import numpy
import torch

SPREAD = 1 << 20
DROPPED = (13, 16, 20, 21, 22)
DTYPES = {torch.float16: 2, torch.bfloat16: 2, torch.float8_e4m3fn: 1, torch.float8_e5m2: 1}


def samples():
    parts = [numpy.arange(SPREAD, dtype=numpy.uint32) * numpy.uint32(0x9E3779B1)]
    for dropped in DROPPED:
        half = 1 << (dropped - 1)
        base = numpy.arange(min(1 << (32 - dropped), 1 << 16), dtype=numpy.uint32) << (16 if dropped == 13 else dropped)
        around = [base, base | numpy.uint32(half - 1), base | numpy.uint32(half), base | numpy.uint32(half + 1)]
        parts.append(numpy.stack(around, 1).reshape(-1))
    floats = numpy.concatenate(parts).view(numpy.float32)
    return torch.from_numpy(numpy.where(numpy.isnan(floats), numpy.float32(0), floats))


def digest(tensor):
    return hashlib.sha256(tensor.contiguous().view(torch.uint8).numpy().tobytes()).hexdigest()


def main():
    floats = samples()
    lines = [f"# make_casts.py, torch {torch.__version__}, CPU; {floats.numel()} samples"]
    for dtype, width in DTYPES.items():
        codes = torch.arange(1 << (8 * width), dtype=torch.int32).to(torch.int16 if width == 2 else torch.uint8).view(dtype)
        decoded = codes.float()
        decoded = torch.where(decoded.isnan(), torch.tensor(float("nan")), decoded)
        name = str(dtype).removeprefix("torch.")
        lines.append(f"{name}.decoded={digest(decoded)}")
        lines.append(f"{name}.encoded={digest(floats.to(dtype))}")
    file = Path(__file__).resolve().parents[2] / "tensor/src/test/resources/golden/casts.properties"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n")


main()
