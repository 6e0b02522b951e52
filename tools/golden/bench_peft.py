"""Baseline for Fettle's training speed: PEFT + bitsandbytes on the CPU, at TinyLlama-1.1B's shape.

    python bench_peft.py make  FOLDER            # write the model (random bf16 weights, 2.2 GB)
    python bench_peft.py qlora FOLDER [--steps 3] [--threads 2]
    python bench_peft.py lora  FOLDER [--steps 3] [--threads 2]

`qlora`: NF4 with double quantization, bf16 compute, gradient checkpointing.
`lora`:  bf16 base, no checkpointing.
Both:    LoRA r=8, alpha=16 on all linear layers, AdamW, batch 2 x 256 random tokens, one warm-up step.

Run each mode in its own process: the peak resident size is the process's. Prints one JSON object.
`prepare_model_for_kbit_training` is not used, because it turns embeddings, norms and lm_head into
float32; everything frozen stays in bf16 here, which is the faster and smaller setting.
The adapters are float32, PEFT's default.
"""

import argparse
import json
import os
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM

BATCH, LENGTH, SEED = 2, 256, 1


def make(folder):
    config = LlamaConfig(
        vocab_size=32000, hidden_size=2048, intermediate_size=5632, num_hidden_layers=22,
        num_attention_heads=32, num_key_value_heads=4, max_position_embeddings=2048,
        rms_norm_eps=1e-5, tie_word_embeddings=False, dtype=torch.bfloat16)
    torch.manual_seed(SEED)
    torch.set_default_dtype(torch.bfloat16)
    LlamaForCausalLM(config).save_pretrained(folder)
    print(json.dumps({"written": folder}))


def status_bytes(field):
    """VmRSS, its part RssFile (pages of mapped files), or VmHWM (peak VmRSS) of this process, from the kernel."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field + ":"))


def reset_peak():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def run(mode, folder, steps):
    quantization = None
    if mode == "qlora":
        quantization = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16)
    start = time.perf_counter()
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.bfloat16, quantization_config=quantization, device_map="cpu")
    load_seconds = time.perf_counter() - start
    load_peak = status_bytes("VmHWM")

    model.config.use_cache = False
    if mode == "qlora":
        model.enable_input_require_grads()
        model.gradient_checkpointing_enable({"use_reentrant": False})
    torch.manual_seed(SEED)
    model = get_peft_model(model, LoraConfig(
        r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"))
    model.train()
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=1e-4)
    ids = torch.randint(0, 32000, (BATCH, LENGTH))

    resident_before = status_bytes("VmRSS")
    reset_peak()
    seconds, cpu_seconds, losses = [], [], []
    for _ in range(steps + 1):
        start, cpu_start = time.perf_counter(), time.process_time()
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.process_time() - cpu_start)
        losses.append(loss.item())
    mean = sum(seconds[1:]) / steps
    print(json.dumps({
        "mode": mode,
        "tokens_per_second": round(BATCH * LENGTH / mean, 2),
        "warm_up_seconds": round(seconds[0], 3),
        "step_seconds": [round(s, 3) for s in seconds[1:]],
        "step_cpu_seconds": [round(s, 3) for s in cpu_seconds[1:]],
        "resident_bytes_before_training": resident_before,
        "peak_resident_bytes_training": status_bytes("VmHWM"),
        "peak_resident_bytes_loading": load_peak,
        "mapped_file_bytes_resident": status_bytes("RssFile"),
        "load_seconds" if mode == "lora" else "load_and_quantize_seconds": round(load_seconds, 2),
        "trainable_parameters": sum(p.numel() for p in trainable),
        "losses": losses,
        "threads": torch.get_num_threads(),
        "load_average": os.getloadavg(),
        "torch": torch.__version__,
    }))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["make", "qlora", "lora"])
    parser.add_argument("folder")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.mode == "make":
        make(arguments.folder)
    else:
        run(arguments.mode, arguments.folder, arguments.steps)
