"""text/.../golden/vocabularies/: small tokenizers, and what transformers and llama.cpp make of 209 awkward texts.

Trains a byte-level BPE tokenizer for each way of cutting words (`tokenizers` library, Tiny Shakespeare) and writes it
as a Hugging Face folder. Turns these, stories260K and --phi (the folder of phi-3-mini's tokenizer) into GGUF metadata
with the rules of llama.cpp's converter (`conversion/base.py` and gguf-py's SpecialVocab), which do not know our code,
and has llama.cpp read them: --llama is a Python with cyllama, a packaged llama.cpp.

`ids.json`: `texts`; per tokenizer `ids` by transformers with special tokens; `llama`: those of llama.cpp where they
differ, by the number of the text; and the metadata: `pre`, `types`, `special`, `add_bos`, `add_eos`, a hash of the tokens.
The SentencePiece scores are minus the rank of a token among the merges of tokenizer.json, as tokenizer.model has them.
"""

import argparse
import hashlib
import json
import os
import subprocess
import tempfile
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gguf
import numpy
import tokenizers
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

REPOSITORY = Path(__file__).resolve().parents[2]
OUTPUT = REPOSITORY / "text/src/test/resources/golden/vocabularies"
VOCABULARY = 512

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LLAMA_3 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN_2 = LLAMA_3.replace("{1,3}", "")
GPT_4O = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + CONTRACTIONS + "?|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + CONTRACTIONS + "?|"
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
DEEPSEEK_3 = [
    r"\p{N}{1,3}",
    "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*"
    "|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
]


def split(*patterns):
    return [pre_tokenizers.Split(Regex(p), "isolated") for p in patterns] + [byte_level(False)]


def byte_level(cut):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=cut)


# name in llama.cpp: steps, ignore_merges, BOS added, NFC
KINDS = {
    "gpt-2": ([byte_level(True)], False, False, False),
    "llama-bpe": (split(LLAMA_3), True, True, False),
    "qwen2": (split(QWEN_2), False, False, True),
    "smollm": ([pre_tokenizers.Digits(individual_digits=True), byte_level(True)], False, False, False),
    "deepseek-v3": (split(*DEEPSEEK_3), False, True, False),
    "gpt-4o": (split(GPT_4O), False, False, False),
}


def texts(llama_inputs):
    pieces = [
        "", " ", "  ", "   ", "\t", "\n", "\n\n", "\n\n\n", "\t\n", " \n ", "\r\n", "\r", "Hello", " Hello", "  Hello", "Hello ",
        "Hello  ", "\nHello\n", "Hello\tworld", "Hello  world", "   Hello   world   ", "don't", "DON'T", "we'LL", "I'm 'tis'",
        "'s", "' s", "'re've", "0", "12", "123", "1234", "12345678901", "3.14", "1,000,000", "-5", " 42 ", "\u0661\u0662\u0663", "\u00bd \u2460 \u2167",
        "a", "\u00e9", "e\u0301", "\u212b", "na\u00efve caf\u00e9", "nai\u0308ve cafe\u0301", "\ufb01ne", "stra\u00dfe", "\u0130stanbul",
        "\u4f60\u597d\uff0c\u4e16\u754c", "\u4f60\u597dabc\u4e16\u754c123", "\u3053\u3093\u306b\u3061\u306f", "\u30ab\u30bf\u30ab\u30ca", "\uc548\ub155\ud558\uc138\uc694", "\u043f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440",
        "\u0645\u0631\u062d\u0628\u0627", "\u05e9\u05dc\u05d5\u05dd", "\u0928\u092e\u0938\u094d\u0924\u0947", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "\u1780\u17b6\u1793\u17cb", "\u1e9e\u1e9f", "\U0001f600", "\U0001f600\U0001f601", "a\U0001f999b",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "\u2764\ufe0f", "\u200b", "a\u200bb", "\ufeffa", "\u00a0", "a\u00a0b", "\u2028x", "\u3000", "\x00", "a\x00b",
        "\x7f", "\x1b[0m", "\ufffd", "\U0010ffff", "\U0001d54f", "\u2581", "\u2581\u2581a", "a\u2581b", "<0x0A>", "<0x41>", "[PAD3]", "<s>", "</s>", "<unk>",
        "<s>a</s>", "a<s>b", " <s> a", "<s> ", "<s><s>", "<|im_start|>user\nhi<|im_end|>\n", "<|im_end|>", "a<|im_end|>b",
        "a <|im_end|> b", "<|endoftext|>", "x<|endoftext|> y", "<|user|>\nHi<|end|>\n<|assistant|>\n", "<|user|>  a", "<|end|>  ", "<tool>",
        " <tool> ", "a<tool>b", "<tool><tool>", "<|im_end", "<|<|im_end|>", "!!!", "?!...", "......", "'''''", "``````", '""""', "--------",
        "====", "a-b_c.d", "f(x)=x**2;", "if (a<b) { return c; }", "\tindented\n\t\tmore", "    four", "        eight", "x\n    y\n  z",
        "https://example.com/a?b=c&d=e#f", "user@example.com", "C:\\path\\file.txt", "$100", "50%", "a/b/c", "snake_case", "camelCase",
        "HTTPServer", "ABCdef", "McDonald's", "\u00c9COLE \u00e9cole", "a\u0308\u0308", "ab\u00adcd", "\u017fun", "'\u017f", "K\u212a", "aaaaaaaaaaaaaaaa",
        "ab" * 40, " " * 20, "\n" * 10, "1" * 30, "\u4e2d" * 12, "the the the", "thethethe", "Once upon a time, there was a little girl",
        "What light through yonder window breaks?", "First Citizen:\nBefore we proceed any further, hear me speak.\n", "ROMEO:\n",
        "O Romeo, Romeo! wherefore art thou Romeo?", "  leading and trailing  ", "a  b   c    d", "\u2014dash\u2014", "\u2018quotes\u2019 \u201cdouble\u201d",
        "\u2026", "\u00b5 \u2126 \u00b2", "x\u00b2+y\u00b2", "\u0301", " \u0301a", "\u1100\u1161\u11a8", "\uac01", "a\nb", "a\n\nb", "a \n b", "a\r\nb", "a\r\n\r\nb", "\n a", "\n  a", " \n", "  \n", "a \n",
    ]  # fmt: skip
    texts = list(dict.fromkeys(pieces + llama_inputs))
    assert len(texts) >= 200, len(texts)
    return texts


def train(name, corpus):
    steps, whole_words, bos, composed = KINDS[name]
    tokenizer = Tokenizer(models.BPE(ignore_merges=whole_words))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps) if len(steps) > 1 else steps[0]
    tokenizer.normalizer = normalizers.NFC() if composed else None
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.add_tokens([AddedToken("<tool>", normalized=False)])
    tokenizer.add_special_tokens([AddedToken("<|user|>", rstrip=True, normalized=False)])
    if bos:
        template = processors.TemplateProcessing(
            single="<|endoftext|> $A", pair="<|endoftext|> $A <|endoftext|> $B:1", special_tokens=[("<|endoftext|>", 0)]
        )
        tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True), template])
    folder = OUTPUT / name
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|endoftext|>" if bos else None,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "clean_up_tokenization_spaces": False,
        "chat_template": "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")
    return folder


def looks_special(text):
    return text in ("<pad>", "<mask>", "<2mass>", "[@BOS@]") or (text.startswith("<|") and text.endswith("|>"))


def sentencepiece_scores(model):
    scores = {}
    for merge in model["merges"]:
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        scores.setdefault(left + right, -float(len(scores)))
    return scores


def convert(folder, pre, rows):
    """The metadata that llama.cpp's converter writes for this folder."""
    spec = json.loads((folder / "tokenizer.json").read_text())
    model = spec["model"]
    added = {a["id"]: a for a in spec["added_tokens"]}
    by_id = {i: t for t, i in model["vocab"].items()} | {i: a["content"] for i, a in added.items()}
    scores = sentencepiece_scores(model) if pre is None else {}
    tokens, types, values = [], [], []
    for i in range(rows):
        text, kind, value = by_id.get(i, f"[PAD{i}]"), gguf.TokenType.NORMAL, -1000.0
        if i not in by_id:
            kind, value = gguf.TokenType.UNUSED, -10000.0
        elif i in added:
            special = added[i]["special"] or looks_special(text)
            kind = gguf.TokenType.CONTROL if special else gguf.TokenType.USER_DEFINED
            if text == model["unk_token"]:
                kind = gguf.TokenType.UNKNOWN
        elif pre is None and len(text) == 6 and text.startswith("<0x"):
            kind, value = gguf.TokenType.BYTE, 0.0
        else:
            value = scores.get(text, -1e6 - i)
        tokens.append(text)
        types.append(int(kind))
        values.append(value)
    return tokens, types, values


def smallest_model(writer, rows):
    """cyllama reads no vocabulary without a model."""
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(32)
    writer.add_feed_forward_length(32)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(32)
    writer.add_tensor("token_embd.weight", numpy.zeros((rows, 32), numpy.float32))
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        writer.add_tensor(name + ".weight", numpy.ones(32, numpy.float32))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        writer.add_tensor(f"blk.0.{name}.weight", numpy.zeros((32, 32), numpy.float32))


def write_gguf(path, name, folder, pre, rows):
    tokens, types, scores = convert(folder, pre, rows)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(name)
    writer.add_tokenizer_model("llama" if pre is None else "gpt2")
    writer.add_tokenizer_pre("default" if pre is None else pre)
    writer.add_token_list(tokens)
    if pre is None:
        writer.add_token_scores(scores)
    writer.add_token_types(types)
    special = gguf.SpecialVocab(folder, load_merges=pre is not None, n_vocab=rows)
    special.add_to_gguf(writer, quiet=True)
    smallest_model(writer, rows)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return {
        "rows": rows,
        "pre": "default" if pre is None else pre,
        "types": types if pre is not None else None,
        "typesSha256": hashlib.sha256(",".join(map(str, types)).encode()).hexdigest(),
        "tokensSha256": hashlib.sha256("\0".join(tokens).encode()).hexdigest(),
        "special": special.special_token_ids,
        "add": special.add_special_token,
    }


LLAMA = """
import json, sys
from cyllama.llama.llama_cpp import LlamaModel, LlamaModelParams
job = json.load(sys.stdin)
model = LlamaModel(job["path"], LlamaModelParams())
vocab = model.get_vocab()
ids = [list(vocab.tokenize(t, True, True)) for t in job["texts"]]
print("IDS" + json.dumps(ids))
"""


def llama_ids(python, path, inputs):
    run = subprocess.run(
        [python, "-c", LLAMA], input=json.dumps({"path": str(path), "texts": inputs}), capture_output=True, text=True
    )
    lines = [line for line in run.stdout.splitlines() if line.startswith("IDS")]
    if not lines:
        raise SystemExit(run.stderr[-3000:])
    return json.loads(lines[-1][3:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="the stories260K folder")
    parser.add_argument("--text", type=Path, required=True, help="tinyshakespeare.txt")
    parser.add_argument("--phi", type=Path, required=True, help="folder with phi-3-mini's tokenizer.json")
    parser.add_argument("--inputs", type=Path, required=True, help="ggml-vocab-phi-3.gguf.inp of llama.cpp")
    parser.add_argument("--llama", required=True, help="a Python with cyllama 0.2.18")
    arguments = parser.parse_args()
    inputs = texts(arguments.inputs.read_text().split("\n__ggml_vocab_test__\n"))
    corpus = arguments.text.read_text()[:200_000].splitlines(keepends=True)
    jobs = {"stories260K": (arguments.model, None, 512), "phi-3": (arguments.phi, None, 32064)}
    for name in KINDS:
        jobs[name] = (train(name, corpus), name, VOCABULARY + 8)
    result = {"meta": {"tokenizers": tokenizers.__version__, "transformers": transformers.__version__, "cyllama": "0.2.18"}}
    result["texts"] = inputs
    result["tokenizers"] = {}
    for name, (folder, pre, rows) in jobs.items():
        reference = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
        ids = [reference(text).input_ids for text in inputs]
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "vocabulary.gguf"
            expected = write_gguf(path, name, folder, pre, rows)
            read = llama_ids(arguments.llama, path, inputs)
        expected["ids"] = ids
        expected["llama"] = {str(i): b for i, (a, b) in enumerate(zip(ids, read)) if a != b}
        print(name, "llama.cpp differs on", [inputs[int(i)][:20] for i in expected["llama"]])
        result["tokenizers"][name] = expected
    (OUTPUT / "ids.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
