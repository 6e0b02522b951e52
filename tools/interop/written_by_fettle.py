"""What Fettle writes, each with the tools that have to load it."""

import importlib.util

import fettle
import llamacpp
from readers import (
    AWQ, BITSANDBYTES, BITSANDBYTES_INT8, COMPRESSED_TENSORS, COMPRESSED_TENSORS_BFLOAT16, COMPRESSED_TENSORS_INTEGERS,
    COMPRESSED_TENSORS_INTEGERS_EXACT, GPTQ, GPTQ_BIASED,
    LLAMA_CPP, LLAMA_CPP_ADAPTER, PEFT, PEFT_PACKED, TRANSFORMERS, llama_quantize)
from subjects import TEXTS


def text(bench):
    """Something to calibrate on and to learn."""
    file = bench.folder / "text.txt"
    file.write_text("\n".join(TEXTS * 10))
    return file


def importance(bench, file):
    fettle.run("calibrate", "--model", bench.float32, "--data", text(bench), "--seq-length", "64", "--imatrix", file)
    return file


def add_all(bench):
    add_quantized(bench)
    add_converted(bench)
    add_adapters(bench)
    add_gguf(bench)


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
        "compressed-tensors W4A16 group 32": ["--scheme", "int4:sym:group=32"],
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
    quantize("compressed-tensors W8A8, qwen2", [COMPRESSED_TENSORS_INTEGERS_EXACT], "--scheme", "int8:sym:channel", *dynamic, model=bench.qwen2)
    quantize("compressed-tensors MXFP4", [COMPRESSED_TENSORS_BFLOAT16], "--scheme", "mxfp4")
    quantize("compressed-tensors NVFP4", [COMPRESSED_TENSORS_BFLOAT16], "--scheme", "nvfp4")


def add_converted(bench):
    """GPTQ and AWQ folders, and what came from another format."""
    def convert(format, readers, source, *options):
        return source and bench.add(
            format, "Fettle", readers, lambda output: fettle.run("convert", "--model", source, "--output", output, *options) and None)

    if importlib.util.find_spec("gptqmodel") is None:
        bench.say("no reader of GPTQ and AWQ is installed; their rows are left out")
        return
    group = "group=128"
    symmetric = convert("GPTQ", [GPTQ], bench.bfloat16, "--format", "gptq", "--scheme", f"int4:sym:{group}")
    convert("GPTQ 8 bits, qwen2", [GPTQ_BIASED], bench.qwen2, "--format", "gptq", "--scheme", f"int8:sym:{group}")
    convert("GPTQ v2 asymmetric", [GPTQ], bench.bfloat16, "--format", "gptq_v2", "--scheme", f"int4:asym:{group}")
    awq = convert("AWQ", [AWQ], bench.bfloat16, "--format", "awq", "--scheme", f"int4:asym:{group}")
    convert("AWQ, qwen2", [AWQ], bench.qwen2, "--format", "awq", "--scheme", f"int4:asym:{group}")
    bench.add(
        "GPTQ act-order", "Fettle", [GPTQ],
        lambda output: fettle.run(
            "quantize", "--model", bench.bfloat16, "--output", output, "--format", "gptq", "--scheme", f"int4:sym:{group}",
            "--algorithm", "gptq", "--desc-act", "--data", text(bench), "--seq-length", "64") and None)
    convert("GPTQ to compressed-tensors", [COMPRESSED_TENSORS], symmetric and symmetric.model, "--format", "compressed-tensors")
    convert("AWQ to compressed-tensors", [COMPRESSED_TENSORS], awq and awq.model, "--format", "compressed-tensors")
    nf4 = bench.find("fettle-bitsandbytes-nf4-double-quantization")
    convert("NF4 to safetensors", [TRANSFORMERS], nf4 and nf4.model, "--format", "safetensors")


def add_gguf(bench):
    def export(format, kind, model, outtype, *options, readers=()):
        def write(output):
            file = output.with_suffix(".gguf")
            fettle.run("export", "--model", model, "--output", file, "--outtype", outtype, *options)
            return file
        return bench.add(format, "Fettle", [LLAMA_CPP[kind], *readers], write)

    plain = export("GGUF F32", "F32", bench.float32, "f32")
    export("GGUF F16", "F16", bench.float32, "f16")
    export("GGUF BF16", "BF16", bench.bfloat16, "bf16")
    export("GGUF F32, qwen2", "F32", bench.qwen2, "f32")
    export("GGUF Q4_K_M, qwen2", "packed", bench.qwen2, "q4_k_m")
    for name in [*llamacpp.FILE_TYPES, "MXFP4"]:
        again = [llama_quantize(plain.model, name)] if plain and name in llamacpp.FILE_TYPES else []
        export(f"GGUF {name}", "packed", bench.float32, name.lower(), readers=again)
    imatrix = bench.write("imatrix", "Fettle", lambda output: importance(bench, output.with_suffix(".gguf")))
    if imatrix:
        export("GGUF Q4_K_M with an imatrix", "packed", bench.float32, "q4_k_m", "--imatrix", imatrix)
        export("GGUF IQ4_XS with an imatrix", "packed", bench.float32, "iq4_xs", "--imatrix", imatrix)
    for source, format in [("fettle-compressed-tensors-w4a16-group-32", "compressed-tensors W4A16 to GGUF"),
                           ("fettle-bitsandbytes-nf4", "NF4 to GGUF Q8_0")]:
        case = bench.find(source)
        if case:
            export(format, "packed", case.model, "q8_0" if "NF4" in format else "q4_0")
    adapter = bench.find("fettle-peft-lora")
    if adapter and plain:
        def write(output):
            file = output.with_suffix(".gguf")
            fettle.run(
                "export", "--model", adapter.model, "--adapter", adapter.adapter, "--format", "gguf-lora", "--output", file)
            return file
        bench.add_pair("GGUF LoRA", "Fettle", [LLAMA_CPP_ADAPTER["F32"]], write, adapter, plain)


def add_adapters(bench):
    train = ["--data", text(bench), "--seq-length", "64", "--max-steps", "3", "--learning-rate", "3e-3", "--batch-size", "2"]

    def adapter(format, *options, model=bench.qwen2, reader=PEFT):
        """On the Qwen2 unless said otherwise: its logits are five times smaller, and so is what float32 cannot tell."""
        return bench.add(
            format + (", qwen2" if model == bench.qwen2 else ""), "Fettle", [reader],
            lambda output: fettle.run("finetune", "--model", model, "--output", output, *train, *options) and None, model=model)

    plain = adapter("PEFT LoRA", "--lora-r", "4", "--lora-alpha", "8", model=bench.float32)
    adapter("PEFT rsLoRA on q and v", "--lora-r", "4", "--use-rslora", "--target-modules", "q_proj,v_proj")
    adapter("PEFT LoRA", "--lora-r", "4")
    adapter("PEFT DoRA", "--lora-r", "4", "--use-dora", "--target-modules", "q_proj,up_proj")
    adapter("PEFT DoRA on embedding and head", "--lora-r", "4", "--use-dora", "--target-modules", "embed_tokens,q_proj,lm_head", model=bench.float32)
    adapter("PEFT LoRA and whole modules", "--lora-r", "4", "--modules-to-save", "lm_head,norm", model=bench.float32)
    adapter("PEFT LoRA, patterns", "--lora-r", "4", "--target-modules", "q_proj,down_proj", "--rank-pattern", "down_proj=2", "--alpha-pattern", "q_proj=32")
    adapter("PEFT LoRA and modules_to_save", "--lora-r", "4", "--target-modules", "q_proj", "--modules-to-save", "norm")
    adapter("PEFT LoRA on the embedding", "--lora-r", "4", "--target-modules", "q_proj,embed_tokens")
    adapter("PEFT LoRA, bias of B", "--lora-r", "4", "--target-modules", "q_proj", "--lora-bias")
    adapter("PEFT LoRA with all biases", "--lora-r", "4", "--bias", "all")
    adapter("PEFT LoRA and token rows", "--lora-r", "4", "--target-modules", "q_proj", "--trainable-token-indices", "1,17,400")
    if plain:
        for dtype in ("float32", "bfloat16"):
            bench.add(
                f"merged model {dtype}", "Fettle", [TRANSFORMERS],
                lambda output: fettle.run(
                    "merge", "--model", plain.model, "--adapter", plain.adapter, "--dtype", dtype, "--output", output) and None)
    nf4 = bench.find("fettle-bitsandbytes-nf4-double-quantization")
    if nf4:
        adapter("PEFT LoRA on NF4", "--lora-r", "4", model=nf4.model, reader=PEFT_PACKED)
