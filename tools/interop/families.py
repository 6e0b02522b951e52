"""Random models of the newer families, and what Fettle and llama.cpp write of them."""

import functools

import torch
from transformers import (
    AutoModelForCausalLM, AutoTokenizer, Gemma2Config, Gemma3TextConfig, GemmaConfig, GraniteConfig, LlamaConfig, Phi3Config,
    Qwen2Config, Qwen3Config, SmolLM3Config)

import fettle
import llamacpp
import subjects
from readers import BITSANDBYTES, COMPRESSED_TENSORS, LLAMA_CPP, LLAMA_CPP_ADAPTER, PEFT, PEFT_PACKED, TRANSFORMERS

SIZES = dict(
    hidden_size=256, intermediate_size=512, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    max_position_embeddings=512, bos_token_id=0, eos_token_id=1, pad_token_id=None, initializer_range=0.08)
FULL, SLIDING = "full_attention", "sliding_attention"


def plain_rope(theta):
    return {"rope_type": "default", "rope_theta": theta}


def longrope(original):
    """On three quarters of heads 64 wide."""
    return {
        "rope_type": "longrope", "rope_theta": 10000.0, "partial_rotary_factor": 0.75, "original_max_position_embeddings": original,
        "short_factor": [1.0 + 0.02 * i for i in range(24)], "long_factor": [1.0 + 0.5 * i for i in range(24)]}


def yarn(**more):
    return {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 32, **more}


# Texts are 48 tokens long: windows and original lengths are shorter than that, where they are to matter.
CONFIGURATIONS = {
    "qwen3": (Qwen3Config, dict(head_dim=32, tie_word_embeddings=True)),
    "gemma": (GemmaConfig, dict(num_key_value_heads=1, head_dim=128)),
    "gemma2": (Gemma2Config, dict(num_hidden_layers=4, head_dim=64, query_pre_attn_scalar=64, sliding_window=16)),
    "gemma2, own scale, no caps": (
        Gemma2Config, dict(
            num_hidden_layers=4, head_dim=64, query_pre_attn_scalar=200, sliding_window=16, attn_logit_softcapping=None,
            final_logit_softcapping=None)),
    "gemma3": (
        Gemma3TextConfig, dict(
            num_hidden_layers=7, head_dim=64, query_pre_attn_scalar=64, sliding_window=16,
            rope_parameters={FULL: {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6}, SLIDING: plain_rope(10000.0)})),
    "gemma3, own scale, every other layer": (
        Gemma3TextConfig, dict(
            num_hidden_layers=4, head_dim=64, query_pre_attn_scalar=256, sliding_window=16, layer_types=[SLIDING, FULL] * 2,
            tie_word_embeddings=False, final_logit_softcapping=5.0,
            rope_parameters={FULL: plain_rope(1e6), SLIDING: plain_rope(500.0)})),
    "phi3": (Phi3Config, dict(num_key_value_heads=4, rope_parameters=plain_rope(10000.0))),
    "phi3, short of LongRoPE": (
        Phi3Config, dict(rope_parameters=longrope(1024), max_position_embeddings=4096, original_max_position_embeddings=1024)),
    "phi3, long of LongRoPE": (Phi3Config, dict(rope_parameters=longrope(32), original_max_position_embeddings=32)),
    "smollm3": (SmolLM3Config, dict(num_hidden_layers=5, use_sliding_window=False)),
    "granite": (
        GraniteConfig, dict(
            embedding_multiplier=12.0, logits_scaling=0.5, residual_multiplier=0.22, attention_multiplier=0.046875, attention_bias=True)),
    "llama, YaRN with its own ramp": (LlamaConfig, dict(rope_parameters=yarn(beta_fast=16.0, beta_slow=2.0))),
    "qwen2, YaRN with its own factor": (Qwen2Config, dict(rope_parameters=yarn(attention_factor=1.3))),
}


# What each is written as besides GGUF in float32: what the field uses these families with.
NF4_AND_ADAPTER = ["qwen3", "gemma", "phi3"]
GGUF_ADAPTER = ["gemma", "gemma2, own scale, no caps", "phi3", "smollm3"]
CONVERTED_BY_LLAMA_CPP = [name for name in CONFIGURATIONS if "own" not in name]


def write(folder, name):
    """A model with the embedded model's tokenizer; gains and biases that start at 0 or 1 are random too."""
    torch.manual_seed(21)
    kind, settings = CONFIGURATIONS[name]
    vocabulary = len(AutoTokenizer.from_pretrained(subjects.EMBEDDED))
    config = kind(**{**SIZES, "vocab_size": vocabulary, **settings})
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager")
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            if parameter_name.endswith("bias"):
                parameter.normal_(0, 0.3)
            elif "norm" in parameter_name:
                parameter.normal_(0 if name.startswith("gemma") else 1, 0.1)
    model.save_pretrained(folder)
    subjects.copy_tokenizer(folder)
    return folder


def add_all(bench):
    folders = {
        name: functools.cache(functools.partial(write, bench.folder / "subjects" / f"family-{i}", name))
        for i, name in enumerate(CONFIGURATIONS)}
    for name, folder in folders.items():
        bench.add(f"safetensors float32, {name}", "transformers", [TRANSFORMERS], lambda output: folder())
        exact = add_gguf(bench, name, folder)
        if name in CONVERTED_BY_LLAMA_CPP:
            bench.add(f"GGUF F32, {name}", "llama.cpp", [LLAMA_CPP[float32(name)]], lambda output: convert(output, folder()))
        if name in GGUF_ADAPTER and exact:
            add_gguf_adapter(bench, name, folder, exact)
        if name in NF4_AND_ADAPTER:
            add_nf4(bench, name, folder)
    quantize(bench, "compressed-tensors W4A16", [COMPRESSED_TENSORS], "qwen3", folders["qwen3"], "--scheme", "int4:sym:group=128")
    quantize(bench, "compressed-tensors W4A16", [COMPRESSED_TENSORS], "phi3", folders["phi3"], "--scheme", "int4:sym:group=128")


def float32(name):
    return "F32 GELU" if name.startswith("gemma") else "F32"


def add_gguf(bench, name, folder):
    def export(outtype, kind):
        def write_file(output):
            file = output.with_suffix(".gguf")
            fettle.run("export", "--model", folder(), "--output", file, "--outtype", outtype)
            return file
        return bench.add(f"GGUF {outtype.upper()}, {name}", "Fettle", [LLAMA_CPP[kind]], write_file)

    export("q8_0", "packed")
    return export("f32", float32(name))


def convert(output, folder):
    file = output.with_suffix(".gguf")
    llamacpp.convert_model(folder, file, "f32")
    return file


def quantize(bench, format, readers, name, folder, *options):
    return bench.add(
        f"{format}, {name}", "Fettle", readers,
        lambda output: fettle.run("quantize", "--model", folder(), "--output", output, *options) and None)


def adapter(bench, format, reader, model, *options):
    from written_by_fettle import text

    train = ["--data", text(bench), "--seq-length", "64", "--max-steps", "3", "--learning-rate", "3e-3", "--batch-size", "2"]
    return bench.add(
        format, "Fettle", [reader],
        lambda output: fettle.run("finetune", "--model", model, "--output", output, *train, "--lora-r", "4", *options) and None,
        model=model)


def add_nf4(bench, name, folder):
    nf4 = quantize(bench, "bitsandbytes NF4", [BITSANDBYTES], name, folder, "--scheme", "nf4:group=64")
    if nf4:
        adapter(bench, f"PEFT LoRA on NF4, {name}", PEFT_PACKED, nf4.model, "--target-modules", "all-linear")


def add_gguf_adapter(bench, name, folder, exact):
    trained = adapter(bench, f"PEFT LoRA, {name}", PEFT, folder(), "--target-modules", "all-linear")
    if trained is None:
        return

    def write_file(output):
        file = output.with_suffix(".gguf")
        fettle.run(
            "export", "--model", trained.model, "--adapter", trained.adapter, "--format", "gguf-lora", "--output", file)
        return file
    bench.add(
        f"merged model float32, {name}", "Fettle", [TRANSFORMERS],
        lambda output: fettle.run(
            "merge", "--model", trained.model, "--adapter", trained.adapter, "--dtype", "float32", "--output", output) and None)
    reader = LLAMA_CPP_ADAPTER[float32(name)]
    bench.add_pair(f"GGUF LoRA, {name}", "Fettle", [reader], write_file, trained, exact)
