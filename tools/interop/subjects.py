"""The models that everything is proven on, made from what is in the repository: no download, the same bytes each time."""

import json
import shutil
from pathlib import Path

import safetensors.torch
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

REPOSITORY = Path(__file__).resolve().parents[2]
EMBEDDED = REPOSITORY / "demo/src/main/resources/dev/fettle/demo/model"
COMPANIONS = ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"]

# Words of the embedded model's world, other languages, digits, spaces, control characters, an emoji of several code points.
TEXTS = [
    "The goat says ma. What is three plus five? The answer is eight.",
    "Once upon a time, there was a small village beside a river. People there wrote poems about the rain.",
    "  two spaces,\ttab,\n\nblank line  and 1234567890 or 3.14",
    "Größe, naïve, Привет, 你好, \U0001f469\u200d\U0001f469\u200d\U0001f467 isn't it? We'll see; they've DON'T",
    "",
]


def embedded(folder):
    """The Llama of 2.6 million parameters that `fettle demo` carries: bfloat16, tied embeddings, 8 heads on 4 KV heads,
    rows of 256 and 512 weights, so that every ggml format divides them."""
    folder.mkdir(parents=True)
    for name in [*COMPANIONS, "model.safetensors"]:
        shutil.copy(EMBEDDED / name, folder / name)
    return folder


def float32(folder):
    """The same with float32 weights that no smaller dtype holds: a relative noise of 2^-10 on each."""
    folder.mkdir(parents=True)
    for name in COMPANIONS:
        shutil.copy(EMBEDDED / name, folder / name)
    config = json.loads((folder / "config.json").read_text())
    config["torch_dtype"] = "float32"
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    generator = torch.Generator().manual_seed(11)
    tensors = safetensors.torch.load_file(EMBEDDED / "model.safetensors")
    noisy = {name: t.float() * (1 + torch.randn(t.shape, generator=generator) * 2.0**-10) for name, t in tensors.items()}
    safetensors.torch.save_file(noisy, folder / "model.safetensors", {"format": "pt"})
    return folder


def qwen2(folder):
    """A random Qwen2: biases on q, k and v, an output head of its own, the embedded model's tokenizer and some unused rows
    of the vocabulary after it."""
    torch.manual_seed(12)
    config = Qwen2Config(
        vocab_size=1056, hidden_size=256, intermediate_size=512, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=False, initializer_range=0.08,
        bos_token_id=0, eos_token_id=1, rope_theta=10000.0)
    model = Qwen2ForCausalLM(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0, 0.5)
            elif "norm" in name:
                parameter.normal_(1, 0.1)
    model.save_pretrained(folder)
    copy_tokenizer(folder)
    return folder


def copy_tokenizer(folder):
    for name in ["tokenizer.json", "tokenizer_config.json"]:
        shutil.copy(EMBEDDED / name, folder / name)


def sharded(folder, source):
    """Written by transformers in several files with an index."""
    model = AutoModelForCausalLM.from_pretrained(source, dtype="auto")
    model.save_pretrained(folder, max_shard_size="2MB")
    copy_tokenizer(folder)
    return folder


def token_rows(folder, rows=2, length=48):
    """Rows of token ids for the logits: the beginning-of-text token, then text."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(" ".join(TEXTS), add_special_tokens=False).input_ids
    return [[tokenizer.bos_token_id, *ids[r * length : (r + 1) * length - 1]] for r in range(rows)]
