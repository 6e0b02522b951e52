"""What the tools write, for Fettle to load; the tool loads it as well, to compare."""

import peft
import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

import compressed
import huggingface
import subjects
from readers import (
    BITSANDBYTES, BITSANDBYTES_INT8, COMPRESSED_TENSORS, COMPRESSED_TENSORS_INTEGERS, PEFT, TRANSFORMERS)


def add_all(bench):
    bench.add("safetensors bfloat16, in shards", "transformers", [TRANSFORMERS], lambda output: subjects.sharded(output, bench.bfloat16))
    bench.add("safetensors float32, qwen2", "transformers", [TRANSFORMERS], lambda output: bench.qwen2)
    add_bitsandbytes(bench)
    add_compressed_tensors(bench)
    add_adapters(bench)


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


def add_adapters(bench):
    def adapter(format, **settings):
        def write(output):
            torch.manual_seed(5)
            model = huggingface.load(bench.float32)
            adapted = peft.get_peft_model(model, peft.LoraConfig(task_type="CAUSAL_LM", **settings))
            with torch.no_grad():
                for name, parameter in adapted.named_parameters():
                    if parameter.requires_grad:  # B starts at zero and would prove nothing
                        parameter.add_(torch.randn_like(parameter) * 0.02)
            adapted.save_pretrained(output)
        bench.add(format, "PEFT", [PEFT], write, model=bench.float32)

    adapter("LoRA", r=4, lora_alpha=8, target_modules="all-linear")
    adapter("rsLoRA", r=4, lora_alpha=8, use_rslora=True, target_modules=["q_proj", "v_proj"])
    adapter(
        "LoRA with patterns of ranks and alphas", r=4, lora_alpha=8, target_modules=["q_proj", "down_proj"],
        rank_pattern={"down_proj": 2}, alpha_pattern={"layers.0.self_attn.q_proj": 16})
    adapter("DoRA", r=4, use_dora=True, target_modules="all-linear")
    adapter("DoRA on embedding and head", r=4, use_dora=True, target_modules=["embed_tokens", "q_proj", "lm_head"])
    adapter("LoRA and whole modules", r=4, target_modules=["q_proj"], modules_to_save=["lm_head", "norm"])
    adapter("LoRA and token rows", r=4, target_modules=["q_proj"], trainable_token_indices=[3, 17])
    adapter("LoRA with a regular expression", r=4, target_modules=r".*layers\.[01]\..*(up|down)_proj")
