"""What the make_*.py scripts share: arguments, tokens, models, metadata."""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import accelerate
import bitsandbytes
import numpy
import peft
import safetensors
import safetensors.torch
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

ADAPTER_SEED = 260  # of lora-start and lora-init
REPOSITORY = Path(__file__).resolve().parents[2]


def golden_folder(module):
    folder = REPOSITORY / module / "src" / "test" / "resources" / "golden"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def arguments(description):
    """Parses the two inputs every script takes and makes torch repeatable (one thread)."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="the stories260K folder")
    parser.add_argument("--text", type=Path, required=True, help="tinyshakespeare.txt")
    torch.set_num_threads(1)
    transformers.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()
    return parser.parse_args()


def metadata(seed=None, **more):
    """String to string, for a safetensors header or a JSON file."""
    values = {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "peft": peft.__version__,
        "bitsandbytes": bitsandbytes.__version__,
        "accelerate": accelerate.__version__,
        "numpy": numpy.__version__,
        "safetensors": safetensors.__version__,
        "seed": "none" if seed is None else str(seed),
        "device": "cpu, 1 thread",
    }
    values.update({key: str(value) for key, value in more.items()})
    return values


def tokens(model_folder, text, count=None):
    """Token ids of the text with BOS once at the start."""
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    ids = [tokenizer.bos_token_id] + tokenizer(text, add_special_tokens=False).input_ids
    assert tokenizer(text[:1000]).input_ids[:200] == ids[:200], "the tokenizer adds BOS itself, once"
    return torch.tensor(ids if count is None else ids[:count], dtype=torch.int64)


def blocks(ids, count, length):
    """The first `count` consecutive blocks of `length` ids: [count, length]."""
    return ids[: count * length].reshape(count, length).clone()


def float_model(folder):
    """The plain model. Attention is the written-out softmax(QK^T)V, not a fused kernel."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", device_map="cpu")


def double_model(folder):
    """The same model computed in float64 (transformers' RMSNorm and eager softmax would go through
    float32), to see how far float32 rounding alone moves a result."""
    def rms_norm(norm, x):
        return norm.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + norm.variance_epsilon)

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="sdpa", device_map="cpu")
    for module in model.modules():
        if type(module).__name__ == "LlamaRMSNorm":
            module.forward = rms_norm.__get__(module)
    return model


def quantized_model(folder):
    """A folder with a quantization_config, through bitsandbytes."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", device_map="cpu")


def nf4_config():
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.float32)


def dequantized_weight(module):
    """float32 weight of a bitsandbytes linear layer, by bitsandbytes' own functions."""
    if isinstance(module, bitsandbytes.nn.Linear4bit):
        return bitsandbytes.functional.dequantize_4bit(module.weight.data, module.weight.quant_state).to(torch.float32)
    return bitsandbytes.functional.int8_vectorwise_dequant(module.weight.CB, module.weight.SCB)


def dequantize(model):
    """Replaces every bitsandbytes linear layer by a plain float32 one, in place."""
    quantized = (bitsandbytes.nn.Linear4bit, bitsandbytes.nn.Linear8bitLt)
    for name, module in list(model.named_modules()):
        if isinstance(module, quantized):
            plain = torch.nn.Linear(module.in_features, module.out_features, bias=module.bias is not None)
            plain.weight = torch.nn.Parameter(dequantized_weight(module), requires_grad=False)
            if module.bias is not None:
                plain.bias = module.bias
            model.get_submodule(name.rpartition(".")[0]).__setattr__(name.rpartition(".")[2], plain)
    for key in ("is_loaded_in_4bit", "is_loaded_in_8bit", "is_quantized", "quantization_method", "hf_quantizer"):
        if hasattr(model, key):
            setattr(model, key, None)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    return model


def relative_difference(actual, expected):
    """Largest |actual - expected| over the largest |expected|."""
    return ((actual.double() - expected.double()).abs().max() / expected.double().abs().max()).item()


def save_tensors(file, tensors, meta):
    safetensors.torch.save_file({name: t.detach().contiguous() for name, t in tensors.items()}, file, {"format": "pt", **meta})
    os.chmod(file, 0o644)
    # The library writes the metadata in random order; sort it, so that a second run gives the same bytes.
    content = bytearray(Path(file).read_bytes())
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    content[8 : 8 + length] = json.dumps(header, separators=(",", ":")).encode().ljust(length)
    assert int.from_bytes(content[:8], "little") == length and len(content) == Path(file).stat().st_size
    Path(file).write_bytes(content)


def save_json(file, value):
    """Objects and lists of objects indented, lists of numbers on one line."""
    def write(node, indent):
        pad = "  " * (indent + 1)
        if isinstance(node, dict):
            return "{\n" + ",\n".join(f"{pad}{json.dumps(k)}: {write(v, indent + 1)}" for k, v in node.items()) + "\n" + "  " * indent + "}"
        return json.dumps(node)
    Path(file).write_text(write(value, 0) + "\n")


def clean_folder(folder, keep):
    """Drops files a library wrote that no test reads (README, tokenizer, generation config)."""
    for file in Path(folder).iterdir():
        if file.name not in keep:
            file.unlink()
        else:
            file.chmod(0o644)
