"""text/.../golden/sft: what TRL's SFTTrainer makes of a few rows, with a small tokenizer and chat template.

    HF_HUB_OFFLINE=1 python make_sft.py text/src/test/resources/golden/sft

tokenizer/   byte-level BPE of 400 tokens, trained here; <s> in front of every text, </s> ends it;
             the chat template has {% generation %} blocks
sft.json     per case: the rows, the settings of SFTConfig, and input_ids and labels of each sample
"""

import json
import sys
import tempfile
from pathlib import Path

from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import SFTConfig, SFTTrainer

WORDS = "What is the capital of France? The capital of France is Paris. Say hello to the user. Hello, user! " * 20
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>\n"
    "{% if m['role'] == 'assistant' %}{% generation %}{{ m['content'] }}<|end|>\n{% endgeneration %}"
    "{% else %}{{ m['content'] }}<|end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
SPECIAL = ["<unk>", "<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]


def make_tokenizer(folder):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        [WORDS],
        trainers.BpeTrainer(
            vocab_size=400, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    return fast


def turn(role, content):
    return {"role": role, "content": content}


USER, ANSWER = turn("user", "What is the capital of France?"), turn("assistant", "Paris.")
TEXTS = [
    {"text": "The capital of France is Paris."},
    {"text": "Already ended.</s>"},
    {"text": "Zehn \u20ac \U0001F600\n\nnext line "},
    {"text": WORDS[:300]},
]
PAIRS = [
    {"prompt": "What is the capital of France?", "completion": " Paris."},
    {"prompt": "Say hello ", "completion": "to the user"},
    {"prompt": "Hel", "completion": "lo, user!</s>"},
    {"prompt": "", "completion": "Hello"},
    {"prompt": "Zehn \u20ac", "completion": "\U0001F600\n"},
    {"prompt": WORDS[:250], "completion": " never seen"},
    {"prompt": WORDS[:100], "completion": WORDS[:120]},
]
CHATS = [
    {"messages": [USER, ANSWER]},
    {"messages": [turn("system", "Be kind."), USER, ANSWER, turn("user", "Say hello"), turn("assistant", "Hello, user!")]},
    {"messages": [USER, turn("assistant", ""), turn("user", "?"), turn("assistant", "Zehn \u20ac \U0001F600")]},
]
CHAT_PAIRS = [
    {"prompt": [USER], "completion": [ANSWER]},
    {"prompt": [turn("system", "Be kind."), USER], "completion": [ANSWER, turn("user", "Thanks"), turn("assistant", "Hello")]},
]
SHARE_GPT = [{"conversations": [{"from": m["role"], "value": m["content"]} for m in c["messages"]]} for c in CHATS]

CASES = {
    "text": (TEXTS, {}),
    "pairs": (PAIRS, {}),
    "pairs-everything": (PAIRS, {"completion_only_loss": False}),
    "pairs-packed": (PAIRS[:5], {"packing": True}),
    "chats-everything": (CHATS, {"assistant_only_loss": False}),
    "chats-assistant": (CHATS, {"assistant_only_loss": True}),
    "chat-pairs": (CHAT_PAIRS, {}),
    "chat-pairs-assistant": (CHAT_PAIRS, {"assistant_only_loss": True}),
    "chat-pairs-everything": (CHAT_PAIRS, {"completion_only_loss": False}),
    "sharegpt-everything": (SHARE_GPT, {}),  # TRL refuses assistant_only_loss here
}
MAX_LENGTH = 64


def main():
    folder = Path(sys.argv[1])
    tokenizer = make_tokenizer(folder / "tokenizer")
    model = LlamaForCausalLM(
        LlamaConfig(vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1,
                    num_attention_heads=2)
    )
    out = {"max_length": MAX_LENGTH, "cases": {}}
    with tempfile.TemporaryDirectory() as scratch:
        for name, (rows, settings) in CASES.items():
            config = SFTConfig(scratch, max_length=MAX_LENGTH, bf16=False, use_cpu=True, report_to=[], **settings)
            trainer = SFTTrainer(model, config, train_dataset=Dataset.from_list(json.loads(json.dumps(rows))),
                                 processing_class=tokenizer)
            samples = [{k: s[k] for k in ("input_ids", "labels", "seq_lengths") if k in s} for s in trainer.train_dataset]
            out["cases"][name] = {"rows": rows, "settings": settings, "samples": samples}
            print(name, [len(s["input_ids"]) for s in samples])
    (folder / "sft.json").write_text(json.dumps(out, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
