"""Loads model folders that Fettle wrote in compressed-tensors layout with transformers, and prints the mean loss over
a text, to be compared with `fettle evaluate --compute-dtype float32`.

    python check_compressed_tensors.py TEXT SEQ_LENGTH [--bfloat16] FOLDER...

Weights are dequantized by compressed-tensors to float32 (mxfp4 only to bfloat16, so it needs --bfloat16); quantized activations (W8A8) are computed by its own fake
quantization. Loading fails the check if a tensor is missing, unexpected or of another shape.
"""

import sys
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer, CompressedTensorsConfig

torch.set_num_threads(1)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


def mean_loss(model, ids, length):
    total, count = 0.0, 0
    for start in range(0, len(ids), length):
        window = torch.tensor([ids[start:start + length]])
        if window.shape[1] < 2:
            continue
        with torch.no_grad():
            logits = model(input_ids=window).logits.float()
        total += torch.nn.functional.cross_entropy(logits[0, :-1], window[0, 1:], reduction="sum").item()
        count += window.shape[1] - 1
    return total / count


text = Path(sys.argv[1]).read_text(encoding="utf-8")
length = int(sys.argv[2])
failed = False
folders = sys.argv[3:]
dtype = torch.bfloat16 if folders[0] == "--bfloat16" else torch.float32
for folder in folders[dtype is torch.bfloat16:]:
    ids = AutoTokenizer.from_pretrained(folder)(text)["input_ids"]
    model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, device_map="cpu", output_loading_info=True)
    problems = {key: value for key, value in info.items() if value}
    if problems:
        print(f"FAIL {folder}: {problems}")
        failed = True
        continue
    print(f"{folder}: {len(ids)} tokens, mean loss {mean_loss(model.eval(), ids, length):.6f}")
sys.exit(1 if failed else 0)
