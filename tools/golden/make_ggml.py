"""quantize/.../golden/ggml.properties: SHA-256 of what ggml and gguf-py make of the samples of GgmlSamples.java.

`TYPE.blocks`: the quantized bytes; `TYPE.weights`: those bytes dequantized, as float32; `TYPE.weighted`: the quantized
bytes when columns have an importance. The legacy formats are the same from gguf-py and from ggml, which the script
checks; the others only ggml can quantize to. Dequantized, all are the same from both, and so are random bytes. --ggml
is a libggml-base library, such as the one in the wheel pywhispercpp 1.5.1 (ggml 0.13.1, compiled without FMA).
"""

import argparse
import ctypes
import hashlib
from pathlib import Path

import gguf
import numpy

COUNT = 1 << 18
LEGACY = ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"]
TYPES = LEGACY + ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS", "MXFP4"]
ROW = 17 * 256


def hashed(i):
    """64 well-mixed bits of each index (the finalizer of SplitMix64)."""
    z = (i + numpy.uint64(1)) * numpy.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    return z ^ (z >> numpy.uint64(31))


def samples():
    """Bell-shaped numbers, blocks of 256 at seven scales; then blocks that are special."""
    h = hashed(numpy.arange(COUNT, dtype=numpy.uint64))
    parts = sum(((h >> numpy.uint64(16 * k)) & numpy.uint64(0xFFFF)).astype(numpy.int64) for k in range(4))
    bell = (parts - 131070).astype(numpy.float32) * numpy.float32(2.0**-20)
    scale = numpy.float32(1) + (numpy.arange(COUNT) // 256 % 7).astype(numpy.float32) * numpy.float32(0.37)
    i = numpy.arange(256, dtype=numpy.float32)
    one = numpy.float32(1)
    outlier = numpy.full(256, 0.01, numpy.float32)
    outlier[77] = 1000
    zeros = numpy.where(i % 3 == 0, -0.0 * one, numpy.where(i % 3 == 1, 0 * one, i))
    special = [
        0 * i, 0 * i + numpy.float32(1.5), 0 * i - numpy.float32(0.75), 0 * i - 0.0 * one,
        numpy.where(i % 2 == 0, 2 * one, -2 * one), i * numpy.float32(1e-9), i * numpy.float32(2.0**-8),
        i * numpy.float32(-(2.0**-8)), outlier, bell[:256] * numpy.float32(2.0**-20), bell[:256] * numpy.float32(1e-20),
        bell[:256] * numpy.float32(250000), zeros,
    ]
    return numpy.concatenate([bell * scale] + [part.astype(numpy.float32) for part in special])


def importance():
    """One number per column of rows of ROW: fourth powers of hashed numbers from 0 to 1, and a run of zeros."""
    h = hashed(numpy.arange(ROW, dtype=numpy.uint64)) & numpy.uint64(0xFFFF)
    u = h.astype(numpy.float32) * numpy.float32(2.0**-16)
    power = u * u * u * u
    power[64:96] = 0
    return power


def pointer(array):
    return ctypes.c_void_p(array.ctypes.data)


def ggml_quantize(library, kind, x, row, importance=None):
    blocks = numpy.empty(gguf.quant_shape_to_byte_shape(x.shape, kind), numpy.uint8)
    weights = None if importance is None else pointer(importance)
    rows = ctypes.c_int64(x.size // row)
    size = library.ggml_quantize_chunk(
        int(kind), pointer(x), pointer(blocks), ctypes.c_int64(0), rows, ctypes.c_int64(row), weights)
    assert size == blocks.size
    return blocks


def ggml_dequantize(library, kind, blocks, count):
    x = numpy.empty(count, numpy.float32)
    name = kind.name.lower().replace("_k", "_K")
    getattr(library, f"dequantize_row_{name}")(pointer(blocks), pointer(x), ctypes.c_int64(count))
    return x


def check_dequantize(library, kind, blocks, weights):
    """ggml and gguf-py agree, here and on bytes at random with finite scales."""
    assert (ggml_dequantize(library, kind, blocks, weights.size).view(numpy.uint32) == weights.view(numpy.uint32)).all()
    random = numpy.random.default_rng(5).integers(0, 256, blocks.size).astype(numpy.uint8) & numpy.uint8(0xBF)
    there = ggml_dequantize(library, kind, random, weights.size)
    here = gguf.quants.dequantize(random, kind)
    assert (there.view(numpy.uint32) == here.view(numpy.uint32)).all(), kind


def digest(array):
    return hashlib.sha256(array.tobytes()).hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ggml", type=Path, required=True, help="libggml-base.so")
    library = ctypes.CDLL(str(parser.parse_args().ggml))
    library.ggml_quantize_chunk.restype = ctypes.c_size_t
    x = samples()
    weights_of_columns = importance()
    lines = [f"# make_ggml.py, gguf 0.19.0, ggml 0.13.1 without FMA, numpy {numpy.__version__}; {x.size} samples"]
    for name in TYPES:
        kind = gguf.GGMLQuantizationType[name]
        blocks = ggml_quantize(library, kind, x, ROW)
        if name in LEGACY:  # the last blocks mix -0.0 and 0.0, of which ggml takes the first and numpy any
            assert (gguf.quants.quantize(x[:-256], kind) == ggml_quantize(library, kind, x[:-256], 256)).all(), name
        weights = gguf.quants.dequantize(blocks, kind)
        check_dequantize(library, kind, blocks, weights)
        lines.append(f"{name}.blocks={digest(blocks)}")
        lines.append(f"{name}.weights={digest(weights)}")
        lines.append(f"{name}.weighted={digest(ggml_quantize(library, kind, x, ROW, weights_of_columns))}")
    folder = Path(__file__).resolve().parents[2] / "quantize/src/test/resources/golden"
    (folder / "ggml.properties").write_text("\n".join(lines) + "\n")


main()
