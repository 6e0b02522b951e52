"""Lets llama.cpp quantize a small GGUF file and writes what gguf-py reads from the result.

Needs cyllama 0.2.18 (a packaged llama.cpp) and gguf 0.19.0. The argument is a float32 GGUF file of
model/src/test/resources/golden/families/mistral, as `fettle export` writes it.
"""

import hashlib
import sys
from pathlib import Path

import numpy
from cyllama.llama import llama_cpp
from gguf import GGUFReader
from gguf.quants import dequantize

FOLDER = Path(__file__).resolve().parents[2] / "export" / "src" / "test" / "resources" / "golden"
FILE_TYPES = {"q3_k_m": 12, "q4_k_m": 15, "q6_k": 18}


def main(source):
    FOLDER.mkdir(parents=True, exist_ok=True)
    lines = ["# SHA-256 of each tensor as float32 by gguf-py 0.19.0; quantized by llama.cpp in cyllama 0.2.18"]
    for name, file_type in FILE_TYPES.items():
        file = FOLDER / f"llama-cpp-{name}.gguf"
        parameters = llama_cpp.LlamaModelQuantizeParams()
        parameters.ftype = file_type
        parameters.nthread = 1
        llama_cpp.model_quantize(str(source), str(file), parameters)
        for tensor in GGUFReader(file).tensors:
            values = dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32)
            digest = hashlib.sha256(numpy.ascontiguousarray(values).tobytes()).hexdigest()
            lines.append(f"{name}/{tensor.name}/{tensor.tensor_type.name} = {digest}")
    (FOLDER / "llama-cpp.properties").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
