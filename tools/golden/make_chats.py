"""Conversations through `apply_chat_template`: text, ids and assistant masks.

    python make_chats.py --tokenizers ../shared/assets/tokenizers --templates ../shared/assets/chat-templates/trl

Writes `text/src/test/resources/golden/chats.json`. The tokenizers are phi-3-mini as it is, and `byte-level` of
`make_tokenizers.py`; templates are TRL's with `{% generation %}` blocks, and small ones that put the blocks in odd places.
"""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import transformers
from transformers import PreTrainedTokenizerFast

GOLDEN = Path(__file__).resolve().parents[2] / "text/src/test/resources/golden"

CHATS = {
    "one": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}],
    "two": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "2+2?"},
        {"role": "assistant", "content": "4 \u2615\U0001f999"},
        {"role": "user", "content": "na\u00efve\n\ncaf\u00e9?"},
        {"role": "assistant", "content": "  indented\n  answer \U0001f469\u200d\U0001f4bb"},
    ],
    "empty": [{"role": "user", "content": "x"}, {"role": "assistant", "content": ""}, {"role": "user", "content": "y"}],
    "none": [{"role": "user", "content": "no answer yet"}],
}
TURN = "<|{{ m.role }}|>\n{% if m.role == 'assistant' %}BODY{% else %}{{ m.content }}<|end|>\n{% endif %}"
SMALL = {
    "tight": TURN.replace("BODY", "{% generation %}{{ m.content }}{% endgeneration %}<|end|>\n"),
    "with-end": TURN.replace("BODY", "{% generation %}{{ m.content }}<|end|>{% endgeneration %}\n"),
    "joined": TURN.replace("BODY", "{%- generation -%}{{ m.content }}{%- endgeneration -%}<|end|>"),
    "split": TURN.replace(
        "BODY", "{% generation %}{{ m.content[:2] }}{% endgeneration %}{{ m.content[2:4] }}{% generation %}{{ m.content[4:] }}<|end|>{% endgeneration %}"
    ),
}
TRAINING = [
    "llama3_training", "qwen2_5_training", "qwen3_training", "phi3_training", "gemma_training", "gemma3_training",
    "deepseekv3_training", "cohere_training", "glm4moe_training", "lfm2_training",
]


def record(tokenizer, name, template, key):
    case = {"tokenizer": name, "template": key, "chat": None}
    results = []
    for chat, messages in CHATS.items():
        entry = {**case, "chat": chat}
        try:
            out = tokenizer.apply_chat_template(
                messages, chat_template=template, return_dict=True, tokenize=True, return_assistant_tokens_mask=True
            )
            entry["text"] = tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False)
            entry["ids"] = out["input_ids"]
            entry["mask"] = out["assistant_masks"]
        except Exception as e:  # the template refuses, or transformers cannot place a block
            entry["error"] = f"{type(e).__name__}: {e}"
        results.append(entry)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizers", type=Path, required=True)
    parser.add_argument("--templates", type=Path, required=True)
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    names = {"bos_token": "<s>", "eos_token": "</s>"}
    tokenizers = {
        "phi-3-mini": PreTrainedTokenizerFast(
            tokenizer_file=str(options.tokenizers / "phi-3-mini/tokenizer.json"), eos_token="<|endoftext|>", bos_token="<s>"
        ),
        "byte-level": PreTrainedTokenizerFast(tokenizer_file=str(GOLDEN / "tokenizers/byte-level/tokenizer.json"), **names),
    }
    templates = {key: "{% for m in messages %}" + text + "{% endfor %}" for key, text in SMALL.items()}
    golden = {"meta": {"transformers": transformers.__version__}, "chats": CHATS, "templates": templates, "cases": []}
    for name, tokenizer in tokenizers.items():
        golden.setdefault("special_tokens", {})[name] = tokenizer.special_tokens_map
        for key, text in templates.items():
            golden["cases"] += record(tokenizer, name, text, key)
        for key in TRAINING:
            text = (options.templates / f"{key}.jinja").read_text(encoding="utf-8")
            golden["cases"] += record(tokenizer, name, text, key)
    with open(GOLDEN / "chats.json", "w", encoding="utf-8") as file:
        json.dump(golden, file)
        file.write("\n")
    print(len(golden["cases"]), sum("error" in c for c in golden["cases"]))


if __name__ == "__main__":
    main()
