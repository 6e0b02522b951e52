"""What the tools write, for Fettle to load; the tool loads it as well, to compare."""

import importlib.util

import peft
import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

import compressed
import fettle
import huggingface
import llamacpp
import subjects
from readers import (
    BITSANDBYTES, BITSANDBYTES_INT8, COMPRESSED_TENSORS, COMPRESSED_TENSORS_INTEGERS, GPTQ, LLAMA_CPP, PEFT, TRANSFORMERS)


def add_all(bench):
    bench.add("safetensors bfloat16, in shards", "transformers", [TRANSFORMERS], lambda output: subjects.sharded(output, bench.bfloat16))
    bench.add("safetensors float32, qwen2", "transformers", [TRANSFORMERS], lambda output: bench.qwen2)
    add_bitsandbytes(bench)
    add_compressed_tensors(bench)
    add_gptq(bench)
    add_adapters(bench)
    add_gguf_adapter(bench)
    add_gguf(bench)


def add_bitsandbytes(bench):
    def quantized(format, reader, model=bench.bfloat16, **settings):
        def write(output):
            config = BitsAndBytesConfig(bnb_4bit_compute_dtype=torch.bfloat16, **settings)
            AutoModelForCausalLM.from_pretrained(
                model, dtype="auto", quantization_config=config, device_map="cpu").save_pretrained(output)
            subjects.copy_tokenizer(output)
        bench.add(format, "bitsandbytes", [reader], write)

    quantized("NF4", BITSANDBYTES, load_in_4bit=True, bnb_4bit_quant_type="nf4")
    quantized("NF4, double quantization", BITSANDBYTES, load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)
    quantized("FP4", BITSANDBYTES, load_in_4bit=True, bnb_4bit_quant_type="fp4")
    quantized("LLM.int8", BITSANDBYTES_INT8, load_in_8bit=True)
    quantized("NF4, double quantization, qwen2", BITSANDBYTES, bench.qwen2, load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)


def add_compressed_tensors(bench):
    def quantized(format, weights, inputs=None, reader=COMPRESSED_TENSORS):
        bench.add(format, "compressed-tensors", [reader], lambda output: compressed.write(bench.bfloat16, output, weights, inputs))

    group = {"strategy": "group", "group_size": 128}
    quantized("W4A16", {"num_bits": 4, **group})
    quantized("W4A16 asymmetric", {"num_bits": 4, "symmetric": False, **group})
    quantized("W8A16", {"num_bits": 8, "strategy": "channel"})
    quantized("FP8", {"num_bits": 8, "type": "float", "strategy": "channel"})
    quantized(
        "W8A8", {"num_bits": 8, "strategy": "channel"}, {"num_bits": 8, "strategy": "token", "dynamic": True},
        COMPRESSED_TENSORS_INTEGERS)


def add_gptq(bench):
    if importlib.util.find_spec("gptqmodel") is None:
        return
    import gptq

    def quantized(title, **settings):
        bench.add(title, "GPT-QModel", [GPTQ], lambda output: gptq.write(bench.bfloat16, output, bench.ids, **settings))

    quantized("GPTQ", group_size=128)
    quantized("GPTQ v2, act-order", group_size=64, desc_act=True, format="gptq_v2")
    quantized("GPTQ v2 asymmetric", group_size=64, sym=False, format="gptq_v2")


def add_gguf(bench):
    def converted(format, kind, model):
        def write(output):
            file = output.with_suffix(".gguf")
            llamacpp.convert_model(model, file, kind.lower())
            return file
        return bench.add(format, "llama.cpp", [LLAMA_CPP[kind]], write)

    plain = converted("GGUF F32", "F32", bench.float32)
    converted("GGUF F16", "F16", bench.float32)
    converted("GGUF BF16", "BF16", bench.bfloat16)
    biased = converted("GGUF F32, qwen2", "F32", bench.qwen2)
    if plain is None or biased is None:
        return

    def quantized(name, file_type, source=plain, suffix=""):
        def write(output):
            file = output.with_suffix(".gguf")
            llamacpp.quantize(source.model, file, file_type)
            return file
        bench.add(f"GGUF {name}{suffix}", "llama.cpp", [LLAMA_CPP["packed"]], write)

    for name, file_type in llamacpp.FILE_TYPES.items():
        quantized(name, file_type)
    quantized("Q4_K_M", llamacpp.FILE_TYPES["Q4_K_M"], biased, ", qwen2")


def add_gguf_adapter(bench):
    """An adapter of PEFT's, converted by llama.cpp, that Fettle makes a PEFT folder of again."""
    adapter = bench.find("peft-lora")
    if adapter is None:
        return

    def write(output):
        file = output.with_suffix(".gguf")
        llamacpp.convert_adapter(adapter.adapter, adapter.model, file, "f32")
        fettle.run("export", "--model", adapter.model, "--adapter", file, "--format", "peft", "--output", output)
    bench.add("GGUF LoRA, to PEFT", "llama.cpp", [PEFT], write, model=adapter.model)


def add_adapters(bench):
    def adapter(format, base=bench.qwen2, **settings):
        def write(output):
            torch.manual_seed(5)
            model = huggingface.load(base)
            adapted = peft.get_peft_model(model, peft.LoraConfig(task_type="CAUSAL_LM", **settings))
            with torch.no_grad():
                for name, parameter in adapted.named_parameters():
                    if parameter.requires_grad:  # B starts at zero and would prove nothing
                        parameter.add_(torch.randn_like(parameter) * 0.02)
            adapted.save_pretrained(output)
        bench.add(format + (", qwen2" if base == bench.qwen2 else ""), "PEFT", [PEFT], write, model=base)

    adapter("LoRA", bench.float32, r=4, lora_alpha=8, target_modules="all-linear")
    adapter("rsLoRA", r=4, lora_alpha=8, use_rslora=True, target_modules=["q_proj", "v_proj"])
    adapter(
        "LoRA with patterns of ranks and alphas", r=4, lora_alpha=8, target_modules=["q_proj", "down_proj"],
        rank_pattern={"down_proj": 2}, alpha_pattern={"layers.0.self_attn.q_proj": 16})
    adapter("DoRA", r=4, use_dora=True, target_modules=["q_proj", "up_proj"])
    adapter("DoRA on embedding and head", bench.float32, r=4, use_dora=True, target_modules=["embed_tokens", "q_proj", "lm_head"])
    adapter("LoRA and whole modules", r=4, target_modules=["q_proj"], modules_to_save=["lm_head", "norm"])
    adapter("LoRA and modules_to_save", r=4, target_modules=["q_proj"], modules_to_save=["norm"])
    adapter("LoRA on the embedding", r=4, target_modules=["q_proj", "embed_tokens"])
    adapter("LoRA, biases of the LoRA layers", r=4, target_modules=["q_proj"], lora_bias=True)
    adapter("LoRA and token rows", r=4, target_modules=["q_proj"], trainable_token_indices=[1, 17, 400])
    adapter("LoRA with all biases", r=4, target_modules=["q_proj", "o_proj"], bias="all")
    adapter("LoRA with a regular expression", r=4, target_modules=r".*layers\.[01]\..*(up|down)_proj")
