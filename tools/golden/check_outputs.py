"""Checks that transformers, PEFT and bitsandbytes read a folder written by Fettle, and what they compute from it.

    python check_outputs.py MODEL [--adapter ADAPTER]
        [--logits FILE.json]                          # compare with logits printed by Fettle
        [--against MODEL2 [--against-adapter ADAPTER2]]  # compare with another folder
        [--quantized-from MODEL3]                     # compare the stored tensors with bitsandbytes' own
        [--tolerance 1e-4]

Typical uses:
    check_outputs.py MERGED --against BASE --against-adapter ADAPTER     # merge
    check_outputs.py Q --quantized-from BASE                             # NF4, NF4 + double quant, LLM.int8
    check_outputs.py Q --adapter ADAPTER --logits logits.json            # QLoRA

Loading fails the check if a tensor is missing, unexpected or of another shape. Bitsandbytes layers are
dequantized by bitsandbytes to float32 and run as plain layers, because its own CPU inference multiplies in
bfloat16 (NF4; and only if every output size is a multiple of 32) or quantizes the activations (int8).

FILE.json: {"ids": [[...], ...], "positions": [...], "logits": [[[...], ...], ...]} with ids [batch, length] and
logits [batch, positions, vocabulary]; without "positions" the logits are those of every position.
Without --logits the ids are 2 x 32 random ones, seed 1. Exit code 0 if all is equal within the tolerance, 1 otherwise.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import peft
import torch
from transformers import AutoConfig, AutoModelForCausalLM

import common


def load(folder, adapter):
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", device_map="cpu", output_loading_info=True)
    problems = {key: value for key, value in info.items() if value}
    if problems:
        sys.exit(f"{folder}: {problems}")
    model = common.dequantize(model).eval()
    if adapter:
        model = peft.PeftModel.from_pretrained(model, adapter).eval()
        stored = set(common.safetensors.torch.load_file(adapter / "adapter_model.safetensors"))
        expected = set(peft.get_peft_model_state_dict(model, save_embedding_layers="auto"))
        if stored != expected:
            sys.exit(f"{adapter}: tensors only in the file {sorted(stored - expected)}, missing {sorted(expected - stored)}")
    return model


def logits(model, ids):
    with torch.no_grad():
        return model(input_ids=ids).logits


def compare(what, actual, expected, tolerance):
    difference = (actual.double() - expected.double()).abs().max().item()
    agreement = (actual.argmax(-1) == expected.argmax(-1)).double().mean().item()
    good = difference <= tolerance
    print(f"{'ok  ' if good else 'FAIL'} {what}: max absolute difference {difference:.3g} (tolerance {tolerance:g}), "
          f"same most likely token {agreement:.1%}")
    return good


def stored_tensors(folder):
    tensors = {}
    for file in sorted(Path(folder).glob("*.safetensors")):
        tensors.update(common.safetensors.torch.load_file(file))
    return tensors


def compare_quantized(folder, original, scratch):
    """Quantizes `original` with bitsandbytes under the configuration in `folder` and compares every stored tensor."""
    quantization = dict(AutoConfig.from_pretrained(folder).quantization_config)
    config = common.BitsAndBytesConfig(**{k: v for k, v in quantization.items() if not k.startswith("_") and k != "quant_method"})
    AutoModelForCausalLM.from_pretrained(
        original, dtype="auto", quantization_config=config, device_map="cpu").save_pretrained(scratch)
    actual, expected = stored_tensors(folder), stored_tensors(scratch)
    good = True
    for name in sorted(actual.keys() | expected.keys()):
        if name not in actual or name not in expected:
            print(f"FAIL {name}: only in {'bitsandbytes' if name in expected else folder}")
            good = False
        elif name.split(".")[-1].startswith("bitsandbytes__"):
            # The quantization state is JSON stored as bytes.
            states = [json.loads(bytes(t[name].tolist())) for t in (actual, expected)]
            if states[0] != states[1]:
                print(f"FAIL {name}: {states[0]}, bitsandbytes {states[1]}")
                good = False
        elif actual[name].dtype != expected[name].dtype or actual[name].shape != expected[name].shape:
            print(f"FAIL {name}: {actual[name].dtype} {list(actual[name].shape)}, "
                  f"bitsandbytes {expected[name].dtype} {list(expected[name].shape)}")
            good = False
        elif not torch.equal(actual[name], expected[name]):
            unequal = (actual[name] != expected[name]).sum().item()
            difference = (actual[name].double() - expected[name].double()).abs().max().item()
            print(f"FAIL {name}: {unequal} of {actual[name].numel()} elements differ, by at most {difference:.3g}")
            good = False
    print(f"{'ok  ' if good else 'FAIL'} {len(actual)} stored tensors against bitsandbytes'")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--logits", type=Path)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--against-adapter", type=Path)
    parser.add_argument("--quantized-from", type=Path)
    parser.add_argument("--tolerance", type=float, default=1e-4)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    common.transformers.logging.disable_progress_bar()
    common.transformers.logging.set_verbosity_error()

    model = load(arguments.model, arguments.adapter)
    ids = torch.randint(0, model.config.vocab_size, (2, 32), generator=torch.Generator().manual_seed(1))
    good = True
    if arguments.logits:
        printed = json.loads(arguments.logits.read_text())
        ids = torch.tensor(printed["ids"])
        actual = torch.tensor(printed["logits"])
        expected = logits(model, ids)[:, printed.get("positions", slice(None))]
        good &= compare(f"{arguments.logits} against {arguments.model}", actual, expected, arguments.tolerance)
    if arguments.against:
        other = load(arguments.against, arguments.against_adapter)
        good &= compare(
            f"{arguments.model} against {arguments.against}", logits(model, ids), logits(other, ids), arguments.tolerance)
    if arguments.quantized_from:
        with tempfile.TemporaryDirectory() as scratch:
            good &= compare_quantized(arguments.model, arguments.quantized_from, scratch)
    if good:
        print(f"ok   {arguments.model}{' with ' + str(arguments.adapter) if arguments.adapter else ''} loads")
    sys.exit(0 if good else 1)


main()
