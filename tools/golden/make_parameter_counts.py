"""checkpoint/.../golden/parameter-counts.json: parameters and tensors of the published configurations of a folder.

Takes the folder of NAME.config.json files. Every model is made by transformers on the meta device; tied weights count
once, as they are stored once. Families that Fettle does not know are listed with their model_type alone.
"""

import argparse
import hashlib
import json
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM

import common

FAMILIES = {"llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "phi3", "smollm3", "granite"}


def count(file):
    content = json.loads(file.read_text())
    kind = content["model_type"]
    if kind not in FAMILIES:
        return {"model_type": kind}
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**content))
    shapes = {name: list(p.shape) for name, p in model.named_parameters()}  # each tied tensor once
    lines = "\n".join(f"{name} {shape}" for name, shape in sorted(shapes.items()))
    return {"model_type": kind, "parameters": sum(p.numel() for p in model.parameters()),
            "tensors": len(shapes), "sha256": hashlib.sha256(lines.encode()).hexdigest()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", type=Path)
    folder = parser.parse_args().configs
    counts = {file.name: count(file) for file in sorted(folder.glob("*.config.json"))}
    common.save_json(common.golden_folder("checkpoint") / "parameter-counts.json",
                     {"meta": common.metadata(), "models": counts})


main()
