"""What Fettle writes, each with the tools that have to load it."""

import fettle
from readers import (
    BITSANDBYTES, BITSANDBYTES_INT8, COMPRESSED_TENSORS, COMPRESSED_TENSORS_BFLOAT16, COMPRESSED_TENSORS_INTEGERS, PEFT, PEFT_PACKED,
    TRANSFORMERS)
from subjects import TEXTS


def text(bench):
    """Something to calibrate on and to learn."""
    file = bench.folder / "text.txt"
    file.write_text("\n".join(TEXTS * 10))
    return file


def add_all(bench):
    add_quantized(bench)
    add_adapters(bench)


def add_quantized(bench):
    def quantize(format, readers, *options, model=bench.bfloat16):
        bench.add(
            format, "Fettle", readers, lambda output: fettle.run("quantize", "--model", model, "--output", output, *options) and None)

    quantize("safetensors float16", [TRANSFORMERS], "--scheme", "float16", model=bench.float32)
    quantize("safetensors bfloat16", [TRANSFORMERS], "--scheme", "bfloat16", model=bench.float32)
    for format, options in {
        "bitsandbytes NF4": ["--scheme", "nf4:group=64"],
        "bitsandbytes NF4, double quantization": ["--scheme", "nf4:group=64:double"],
        "bitsandbytes FP4": ["--scheme", "fp4:group=64"],
        "bitsandbytes FP4, double quantization": ["--scheme", "fp4:group=64:double"],
    }.items():
        quantize(format, [BITSANDBYTES], *options)
    quantize("bitsandbytes NF4, qwen2", [BITSANDBYTES], "--scheme", "nf4:group=64", model=bench.qwen2)
    quantize("bitsandbytes LLM.int8", [BITSANDBYTES_INT8], "--scheme", "llm.int8")
    quantize("bitsandbytes LLM.int8, qwen2", [BITSANDBYTES_INT8], "--scheme", "llm.int8", model=bench.qwen2)

    dynamic = ["--activations", "int8:sym:token"]
    for format, options in {
        "compressed-tensors W4A16": ["--scheme", "int4:sym:group=128"],
        "compressed-tensors W4A16 asymmetric": ["--scheme", "int4:asym:group=128"],
        "compressed-tensors W8A16": ["--scheme", "int8:sym:channel"],
        "compressed-tensors W3A16": ["--scheme", "int3:sym:group=64"],
        "compressed-tensors FP8": ["--scheme", "fp8_e4m3:channel"],
        "compressed-tensors W4A16 by GPTQ": [
            "--scheme", "int4:sym:group=128", "--algorithm", "gptq", "--desc-act", "--data", text(bench), "--seq-length", "64"],
        "compressed-tensors, a scheme per layer": ["--budget", "5bpw", "--data", text(bench), "--seq-length", "64"],
    }.items():
        quantize(format, [COMPRESSED_TENSORS], *options)
    quantize("compressed-tensors W4A16 asymmetric, qwen2", [COMPRESSED_TENSORS], "--scheme", "int4:asym:group=128", model=bench.qwen2)
    quantize("compressed-tensors W8A8", [COMPRESSED_TENSORS_INTEGERS], "--scheme", "int8:sym:channel", *dynamic)
    quantize("compressed-tensors W8A8, qwen2", [COMPRESSED_TENSORS_INTEGERS], "--scheme", "int8:sym:channel", *dynamic, model=bench.qwen2)
    quantize("compressed-tensors MXFP4", [COMPRESSED_TENSORS_BFLOAT16], "--scheme", "mxfp4")
    quantize("compressed-tensors NVFP4", [COMPRESSED_TENSORS_BFLOAT16], "--scheme", "nvfp4")


def add_adapters(bench):
    train = ["--data", text(bench), "--seq-length", "64", "--max-steps", "3", "--learning-rate", "1e-2", "--batch-size", "2"]

    def adapter(format, *options, model=bench.float32, reader=PEFT):
        return bench.add(
            format, "Fettle", [reader],
            lambda output: fettle.run("finetune", "--model", model, "--output", output, *train, *options) and None, model=model)

    plain = adapter("PEFT LoRA", "--lora-r", "4", "--lora-alpha", "8")
    adapter("PEFT rsLoRA on q and v", "--lora-r", "4", "--use-rslora", "--target-modules", "q_proj,v_proj")
    adapter("PEFT LoRA, qwen2", "--lora-r", "4", model=bench.qwen2)
    adapter("PEFT DoRA", "--lora-r", "4", "--use-dora")
    adapter("PEFT DoRA on embedding and head", "--lora-r", "4", "--use-dora", "--target-modules", "embed_tokens,q_proj,lm_head")
    adapter("PEFT LoRA and whole modules", "--lora-r", "4", "--modules-to-save", "lm_head,norm")
    adapter("PEFT LoRA and token rows", "--lora-r", "4", "--trainable-token-indices", "3,17")
    adapter(
        "PEFT LoRA with biases, qwen2", "--lora-r", "4", "--target-modules", "q_proj,v_proj", "--bias", "all", "--lora-bias",
        model=bench.qwen2)
    if plain:
        for dtype in ("float32", "bfloat16"):
            bench.add(
                f"merged model {dtype}", "Fettle", [TRANSFORMERS],
                lambda output: fettle.run(
                    "merge", "--model", plain.model, "--adapter", plain.adapter, "--dtype", dtype, "--output", output) and None)
    nf4 = bench.find("fettle-bitsandbytes-nf4-double-quantization")
    if nf4:
        adapter("PEFT LoRA on NF4", "--lora-r", "4", model=nf4.model, reader=PEFT_PACKED)
