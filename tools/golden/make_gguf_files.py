"""export/.../golden/gguf-files.properties: SHA-256 of what llama.cpp quantizes the demo's model to, by file type.

    ./fettle export … --recipe f32 …    (or GgufExport) of demo/src/main/resources/dev/fettle/demo/model
    make_gguf_files.py --f32 FILE

The digest is over the data of all tensors in the order of their names. `with` is with the importance matrix
calibrate/.../golden/imatrix.gguf, which knows some of the layers. Needs cyllama 0.2.18 and gguf 0.19.0.
"""

import argparse
import ctypes
import hashlib
import os
import tempfile
from pathlib import Path

import gguf
import numpy
from cyllama.llama import llama_cpp

FILE_TYPES = {
    "q4_0": 2, "q4_1": 3, "q8_0": 7, "q5_0": 8, "q5_1": 9, "q2_k": 10, "q3_k_s": 11, "q3_k_m": 12, "q3_k_l": 13,
    "q4_k_s": 14, "q4_k_m": 15, "q5_k_s": 16, "q5_k_m": 17, "q6_k": 18, "iq4_nl": 25, "iq4_xs": 30,
}
REPOSITORY = Path(__file__).resolve().parents[2]


class Entry(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("data", ctypes.c_void_p), ("size", ctypes.c_size_t)]


def importance():
    """Mean squares by weight, as llama-quantize makes them of the file."""
    reader = gguf.GGUFReader(REPOSITORY / "calibrate/src/test/resources/golden/imatrix.gguf")
    tensors = {tensor.name: numpy.array(tensor.data) for tensor in reader.tensors}
    suffix = ".in_sum2"
    return {
        name.removesuffix(suffix): sums / tensors[name.removesuffix(suffix) + ".counts"][0]
        for name, sums in tensors.items() if name.endswith(suffix)
    }


def quantize(source, target, file_type, means):
    """See make_gguf_recipes.py about the pointer."""
    parameters = llama_cpp.LlamaModelQuantizeParams()
    parameters.ftype = file_type
    parameters.nthread = 1
    struct = id(parameters) + 24
    assert ctypes.c_int32.from_address(struct).value == 1 and ctypes.c_int32.from_address(struct + 4).value == file_type
    entries = [Entry(name.encode(), mean.ctypes.data, mean.size) for name, mean in means.items()]
    array = (Entry * (len(entries) + 1))(*entries, Entry(None, None, 0))
    if means:
        ctypes.c_void_p.from_address(struct + 24).value = ctypes.addressof(array)
    llama_cpp.model_quantize(str(source), str(target), parameters)


def digest(path):
    tensors = sorted(gguf.GGUFReader(path).tensors, key=lambda tensor: tensor.name)
    sha = hashlib.sha256()
    for tensor in tensors:
        sha.update(numpy.ascontiguousarray(tensor.data).tobytes())
    return sha.hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--f32", type=Path, required=True)
    source = parser.parse_args().f32
    means = importance()
    lines = ["# make_gguf_files.py, cyllama 0.2.18, gguf 0.19.0", f"f32={digest(source)}"]
    silence = os.open(os.devnull, os.O_WRONLY)
    kept = os.dup(1), os.dup(2)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "target.gguf")
        for name, file_type in FILE_TYPES.items():
            for word, used in (("without", {}), ("with", means)):
                quantize(source, target, file_type, used)
                lines.append(f"{name}.{word}={digest(target)}")
    os.dup2(kept[0], 1)
    os.dup2(kept[1], 2)
    golden = REPOSITORY / "export/src/test/resources/golden"
    golden.mkdir(parents=True, exist_ok=True)
    (golden / "gguf-files.properties").write_text("\n".join(lines) + "\n")


main()
