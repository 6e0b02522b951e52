"""quantize/.../golden/gguf-recipes.txt: the type llama.cpp gives to each tensor, by file type and model.

Writes models with two rows per tensor (types depend on names, row lengths and hyperparameters only), has llama.cpp
quantize them, and reads the types back. A line of a model

    model architecture layers heads kvHeads tied columns ffColumns headDim

is followed by lines of what is in its files:

    fileType imatrix types tensor tensor …

`imatrix` is `without`, `with`, or `any` where it makes no difference. `types` are those of layer 0, 1, …, as
TYPE*COUNT; a tensor without a layer has one. Needs cyllama 0.2.18 (llama.cpp with bindings) and gguf 0.19.0.
"""

import ctypes
import os
import tempfile
from pathlib import Path

import gguf
import numpy
from cyllama.llama import llama_cpp

FILE_TYPES = {
    "F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "Q2_K": 10, "Q3_K_S": 11, "Q3_K_M": 12,
    "Q3_K_L": 13, "Q4_K_S": 14, "Q4_K_M": 15, "Q5_K_S": 16, "Q5_K_M": 17, "Q6_K": 18, "IQ4_NL": 25, "IQ4_XS": 30,
    "BF16": 32,
}

# architecture, layers, heads, heads of keys and values, tied, row lengths of embeddings and of ffn_down, head size
MODELS = [
    ("llama", 1, 4, 4, False, 256, 512, 64),
    ("llama", 2, 4, 2, True, 256, 512, 64),
    ("llama", 7, 8, 2, False, 256, 768, 32),
    ("llama", 16, 8, 2, True, 512, 1024, 64),
    ("llama", 22, 32, 4, False, 256, 512, 64),
    ("llama", 32, 4, 4, False, 256, 512, 64),
    ("llama", 33, 12, 3, True, 768, 512, 64),
    ("llama", 80, 8, 8, False, 256, 256, 32),
    ("llama", 80, 8, 1, False, 256, 256, 32),
    ("llama", 10, 4, 1, False, 320, 864, 80),
    ("llama", 10, 5, 5, True, 320, 256, 64),
    ("llama", 10, 4, 4, False, 256, 344, 64),
    ("llama", 5, 3, 1, False, 288, 512, 96),
    ("qwen2", 24, 14, 2, True, 896, 4864, 64),
    ("qwen2", 80, 8, 8, False, 256, 256, 32),
    ("qwen3", 28, 16, 8, True, 1024, 3072, 128),
    ("gemma2", 26, 8, 4, True, 256, 512, 32),
    ("phi3", 32, 8, 8, False, 256, 512, 32),
]


class ImatrixEntry(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("data", ctypes.c_void_p), ("size", ctypes.c_size_t)]


def write(path, arch, layers, heads, kv_heads, tied, columns, ff_columns, head_dim):
    writer = gguf.GGUFWriter(path, arch)
    writer.add_block_count(layers)
    writer.add_context_length(64)
    writer.add_embedding_length(columns)
    writer.add_feed_forward_length(ff_columns)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(head_dim)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(2)
    if arch == "gemma2":
        writer.add_sliding_window(32)
    random = numpy.random.default_rng(1)

    def add(name, *shape):
        writer.add_tensor(name, (random.standard_normal(shape) * 0.02).astype(numpy.float32))

    add("token_embd.weight", 2, columns)
    add("output_norm.weight", columns)
    if not tied:
        add("output.weight", 2, columns)
    for layer in range(layers):
        block = f"blk.{layer}."
        add(block + "attn_norm.weight", columns)
        add(block + "ffn_norm.weight", columns)
        if arch == "phi3":
            add(block + "attn_qkv.weight", 2, columns)
        else:
            for role in "qkv":
                add(block + f"attn_{role}.weight", 2, columns)
            add(block + "ffn_gate.weight", 2, columns)
        if arch == "qwen2":
            add(block + "attn_q.bias", 2)
        add(block + "attn_output.weight", 2, heads * head_dim)
        add(block + "ffn_up.weight", 2, columns)
        add(block + "ffn_down.weight", 2, ff_columns)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def quantize(source, target, file_type, imatrix):
    """The bindings have no setter for the importance matrix: its pointer is put into their copy of llama.cpp's struct,
    24 bytes into it, which itself begins after the object's header and its table of methods."""
    parameters = llama_cpp.LlamaModelQuantizeParams()
    parameters.ftype = file_type
    parameters.nthread = 1
    struct = id(parameters) + 24
    assert ctypes.c_int32.from_address(struct).value == 1 and ctypes.c_int32.from_address(struct + 4).value == file_type
    ones = (ctypes.c_float * 8)(*[1.0] * 8)
    entries = (ImatrixEntry * 2)(ImatrixEntry(b"no.such.tensor", ctypes.addressof(ones), 8), ImatrixEntry(None, None, 0))
    if imatrix:
        ctypes.c_void_p.from_address(struct + 24).value = ctypes.addressof(entries)
    llama_cpp.model_quantize(str(source), str(target), parameters)


def lines(model, source, target):
    yield "model " + " ".join(str(value).lower() for value in model)
    for name, file_type in FILE_TYPES.items():
        without, with_one = (list(files(source, target, file_type, imatrix)) for imatrix in (False, True))
        if without == with_one:
            yield from (f"{name} any {line}" for line in without)
        else:
            yield from (f"{name} without {line}" for line in without)
            yield from (f"{name} with {line}" for line in with_one)


def files(source, target, file_type, imatrix):
    target.unlink(missing_ok=True)
    try:
        quantize(source, target, file_type, imatrix)
    except RuntimeError:
        yield "refused"
        return
    reader = gguf.GGUFReader(target)
    assert int(reader.fields["general.file_type"].parts[-1][0]) == file_type
    roles = {}
    for tensor in reader.tensors:
        parts = tensor.name.split(".")
        layer, role = (int(parts[1]), ".".join(parts[2:])) if parts[0] == "blk" else (0, tensor.name)
        if "norm" in role and file_type not in (FILE_TYPES["F16"], FILE_TYPES["Q4_K_M"]):
            continue  # always F32; said where it matters
        roles.setdefault(role, {})[layer] = tensor.tensor_type.name
    by_types = {}
    for role, types in sorted(roles.items()):
        by_types.setdefault(runs([types[i] for i in range(len(types))]), []).append(role)
    for types, names in by_types.items():
        yield f"{types} {' '.join(names)}"


def runs(types):
    text = []
    for kind in types:
        if text and text[-1][0] == kind:
            text[-1][1] += 1
        else:
            text.append([kind, 1])
    return ",".join(f"{kind}*{count}" for kind, count in text)


def main():
    out = ["# make_gguf_recipes.py, cyllama 0.2.18, gguf 0.19.0"]
    silence = os.open(os.devnull, os.O_WRONLY)
    kept = os.dup(1), os.dup(2)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    with tempfile.TemporaryDirectory() as folder:
        for model in MODELS:
            source = Path(folder, "source.gguf")
            write(source, *model)
            out.extend(lines(model, source, Path(folder, "target.gguf")))
    os.dup2(kept[0], 1)
    os.dup2(kept[1], 2)
    golden = Path(__file__).resolve().parents[2] / "quantize/src/test/resources/golden"
    (golden / "gguf-recipes.txt").write_text("\n".join(out) + "\n")


main()
