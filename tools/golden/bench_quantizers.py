"""Speed of the reference quantizers on this machine's CPU, to set beside QuantizeTable. Prints one line per format.

bitsandbytes' NF4 (its CPU kernels, PyTorch threads) and, with --ggml, ggml's reference quantizers and dequantizers (what
llama-quantize runs, without reading and writing files) on as many threads as there are processors. Weights are normal;
the shape is TinyLlama's widest, the same as QuantizeTable's. A figure is the median of the rounds. On a busy machine,
--cpu measures one thread's processor time, as QuantizeTable's `cpu` does.
"""

import argparse
import ctypes
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bitsandbytes
import gguf
import numpy
import torch
from bitsandbytes import functional

ROWS, COLUMNS = 5632, 2048
ROUNDS = 5


clock = time.perf_counter
threads = os.cpu_count()


def median_seconds(work):
    work()
    seconds = []
    for _ in range(ROUNDS):
        start = clock()
        work()
        seconds.append(clock() - start)
    return statistics.median(seconds)


def report(name, quantize, dequantize):
    millions = ROWS * COLUMNS / 1e6
    print(f"{name:24} quantize {millions / quantize:8.1f} M weights/s   dequantize {millions / dequantize:8.1f} M weights/s", flush=True)


def bench_bitsandbytes():
    weight = (torch.randn(ROWS, COLUMNS, generator=torch.Generator().manual_seed(1)) * 0.02).to(torch.bfloat16)
    for double in (False, True):
        packed, state = functional.quantize_4bit(weight, blocksize=64, quant_type="nf4", compress_statistics=double)
        report(
            f"bitsandbytes {bitsandbytes.__version__} nf4" + (" double" if double else ""),
            median_seconds(lambda: functional.quantize_4bit(weight, blocksize=64, quant_type="nf4", compress_statistics=double)),
            median_seconds(lambda: functional.dequantize_4bit(packed, state)))


def bench_ggml(path):
    library = ctypes.CDLL(str(path))
    weight = (numpy.random.default_rng(1).standard_normal((ROWS, COLUMNS)) * 0.02).astype(numpy.float32)
    bounds = [ROWS * t // threads for t in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        for name in ("Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"):
            kind = gguf.GGMLQuantizationType[name]
            blocks = numpy.empty(gguf.quant_shape_to_byte_shape(weight.shape, kind), numpy.uint8)
            back = numpy.empty_like(weight)
            lower = name.replace("Q", "q", 1)

            def run(function, source, target):
                def part(t):
                    a, b = source[bounds[t] : bounds[t + 1]], target[bounds[t] : bounds[t + 1]]
                    getattr(library, function)(
                        ctypes.c_void_p(a.ctypes.data), ctypes.c_void_p(b.ctypes.data),
                        ctypes.c_int64((bounds[t + 1] - bounds[t]) * COLUMNS))
                list(pool.map(part, range(threads)))

            report(
                f"ggml {name}",
                median_seconds(lambda: run(f"quantize_row_{lower}_ref", weight, blocks)),
                median_seconds(lambda: run(f"dequantize_row_{lower}", blocks, back)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ggml", type=Path, help="libggml-base.so, as for make_ggml.py")
    parser.add_argument("--cpu", action="store_true", help="processor time of one thread instead of time on the clock")
    arguments = parser.parse_args()
    if arguments.cpu:
        global clock, threads
        clock, threads = time.process_time, 1
        torch.set_num_threads(1)
    print(f"{'processor time, ' if arguments.cpu else ''}{threads} threads, torch {torch.__version__} with {torch.get_num_threads()} threads, {ROUNDS} rounds")
    bench_bitsandbytes()
    if arguments.ggml:
        bench_ggml(arguments.ggml)


main()
