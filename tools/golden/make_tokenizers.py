"""Small tokenizers of every kind in folders as users have them, and what transformers reads with them.

    python make_tokenizers.py --text tinyshakespeare.txt

Writes `text/src/test/resources/golden/tokenizers/NAME/`: the files of the folder, and `expected.json` with the ids of
the texts in `texts.json`, with and without special tokens, and the decoded text. Folders whose name begins with `sp-`
hold a SentencePiece `tokenizer.model` and no `tokenizer.json`; for them `expected.json` has the ids of the
sentencepiece library too.
"""

import argparse
import json
import os
import shutil
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import sentencepiece
import tokenizers
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer

transformers.logging.set_verbosity_error()
ROOT = Path(__file__).resolve().parents[2] / "text/src/test/resources/golden/tokenizers"

TEXTS = [
    "",
    " ",
    "  ",
    "Hello world",
    " Hello  world ",
    "Hello, world! It's 12345 o'clock.",
    "don't stop . now ? 's 've n't",
    "tab\tand\nnewline\r\n\n\nend",
    "a\u0301 e\u0301\u0302 \u00e9 \ufb01 \uff21\uff22 \u2460 \u00bd",
    "\U0001f999 \U0001f469\u200d\U0001f4bb\U0001f3fd flags \U0001f1e9\U0001f1ea",
    "\u4f60\u597d\uff0c\u4e16\u754c \u0645\u0631\u062d\u0628\u0627 \u0928\u092e\u0938\u094d\u0924\u0947",
    "<s>Hello</s>",
    "<s> Hello </s> world<s>",
    "Hello</s>world",
    "</s>\n<s>\n",
    "<|user|>\nHi<|end|>\n<|assistant|>\n",
    "<extra> one <extra>two<new>three <new> four[MASK] five",
    "UPPER lower MiXeD \u0130stanbul \u00dfstra\u00dfe",
    "x" * 40,
    "\u2581already\u2581marked \u2581",
    "\x00control\x07 \x1b \x7f \u00a0nbsp\u3000wide \u200bzero \u2028line",
    "<0x0A> <0xE2><0x82>",
    "def f(x):\n    return x  # ok\n",
]


def corpus(path, lines=3000):
    return path.read_text(encoding="utf-8").splitlines()[:lines]


def write(name, tokenizer=None, config=None, model=None, **files):
    """Makes the folder; `files` are further JSON files by name without suffix."""
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if tokenizer is not None:
        tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    if config is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    # without a config.json transformers does not know the folder as a model
    model = {"model_type": "llama"} if model is None else model
    (folder / "config.json").write_text(json.dumps(model), encoding="utf-8")
    for file, content in files.items():
        (folder / f"{file}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def expect(folder, spm=None):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    cases = []
    for text in TEXTS:
        ids = tokenizer(text).input_ids
        case = {
            "ids": ids,
            "plain": tokenizer(text, add_special_tokens=False).input_ids,
            "decoded": tokenizer.decode(ids),
            "skipped": tokenizer.decode(ids, skip_special_tokens=True),
        }
        if spm is not None:
            case["sentencepiece"] = spm.encode(text)
        cases.append(case)
    result = {
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
        "class": type(tokenizer).__name__,
        "length": len(tokenizer),
        "special_tokens": tokenizer.special_tokens_map,
        "ids_of": {str(t): i for t, i in tokenizer.get_added_vocab().items()},
        "cases": cases,
    }
    if spm is not None:
        result["sentencepiece"] = sentencepiece.__version__
    (folder / "expected.json").write_text(json.dumps(result), encoding="utf-8")
    print(folder.name, type(tokenizer).__name__, len(tokenizer))


def bos_template(bos, bos_id, eos=None, eos_id=None):
    tail = f" {eos}" if eos else ""
    return processors.TemplateProcessing(
        single=f"{bos} $A{tail}",
        pair=f"{bos} $A{tail} {bos}:1 $B:1",
        special_tokens=[(bos, bos_id)] + ([(eos, eos_id)] if eos else []),
    )


def byte_level(lines, specials=("<s>", "</s>", "<|user|>", "<|assistant|>", "<|end|>")):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(
        lines,
        trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=list(specials),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return t


def llama_style(lines, legacy=True):
    """As a `tokenizer.json` converted from Llama 2: Prepend and Replace, byte fallback."""
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    t.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    specials = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    t.train_from_iterator(
        lines, trainers.BpeTrainer(vocab_size=700, special_tokens=specials, max_token_length=8, show_progress=False)
    )
    content = json.loads(t.to_str())
    content["added_tokens"] = [a for a in content["added_tokens"] if a["id"] < 3]
    t = Tokenizer.from_str(json.dumps(content))
    t.post_processor = bos_template("<s>", 1)
    return t


def unigram(lines):
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    t.pre_tokenizer = pre_tokenizers.Metaspace()
    t.decoder = decoders.Metaspace()
    t.train_from_iterator(
        lines,
        trainers.UnigramTrainer(
            vocab_size=300, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False
        ),
    )
    t.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return t


def word_piece(lines):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer()
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    t.train_from_iterator(
        lines, trainers.WordPieceTrainer(vocab_size=400, special_tokens=specials, show_progress=False)
    )
    t.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return t


def word_level(lines):
    t = Tokenizer(models.WordLevel(unk_token="<unk>"))
    t.pre_tokenizer = pre_tokenizers.Whitespace()
    t.train_from_iterator(
        lines, trainers.WordLevelTrainer(vocab_size=300, special_tokens=["<unk>", "</s>"], show_progress=False)
    )
    return t


def added(content, special=True, **more):
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    return {"content": content, **flags, "special": special, **more}


def from_json(lines):
    level = byte_level(lines)
    level.post_processor = bos_template("<s>", 0)
    expect(write("byte-level", level, {"bos_token": "<s>", "eos_token": "</s>", "tokenizer_class": "PreTrainedTokenizerFast"}))
    # add_bos_token is not consulted where there is a tokenizer.json
    expect(
        write(
            "byte-level-flags",
            byte_level(lines),
            {
                "bos_token": "<s>",
                "eos_token": {"__type": "AddedToken", **added("</s>")},
                "pad_token": "<pad>",
                "add_bos_token": True,
                "add_eos_token": True,
                "tokenizer_class": "PreTrainedTokenizerFast",
                "added_tokens_decoder": {
                    "0": added("<s>"),
                    "1": added("</s>", lstrip=True, rstrip=True),
                    "400": added("<extra>", special=False, lstrip=True),
                    "401": added("<new>", special=True, rstrip=True),
                },
                "additional_special_tokens": ["[MASK]"],
            },
        )
    )
    expect(
        write(
            "byte-level-legacy-files",
            byte_level(lines),
            {"tokenizer_class": "PreTrainedTokenizerFast"},
            special_tokens_map={"bos_token": "<s>", "eos_token": added("</s>"), "pad_token": "[PAD]", "sep_token": None},
            added_tokens={"<new>": 400, "<extra>": 401},
        )
    )
    expect(write("qwen2-rebuilt", byte_level(lines, ["<|endoftext|>", "<s>", "</s>"]), {"eos_token": "</s>", "tokenizer_class": "PreTrainedTokenizerFast"}, {"model_type": "qwen2"}))
    expect(write("gpt2", byte_level(lines, ["<|endoftext|>"]), {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True}, {"model_type": "gpt2"}))

    llama = llama_style(lines)
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    expect(write("llama-as-file", llama, {**names, "tokenizer_class": "PreTrainedTokenizerFast"}))
    expect(write("llama-rebuilt", llama, {**names, "tokenizer_class": "LlamaTokenizer", "legacy": False}))
    expect(write("llama-legacy", llama, {**names, "tokenizer_class": "LlamaTokenizerFast", "legacy": True, "clean_up_tokenization_spaces": True}))
    expect(write("llama-no-prefix", llama, {**names, "tokenizer_class": "LlamaTokenizer", "add_prefix_space": False, "pad_token": "<pad>"}))
    expect(write("llama-no-names", llama, {"tokenizer_class": "LlamaTokenizer"}))
    expect(write("mistral-as-file", llama, {**names, "tokenizer_class": "LlamaTokenizer", "legacy": False}, {"model_type": "mistral"}))
    gemma = llama_style(lines)
    gemma.normalizer = normalizers.Replace(" ", "\u2581")
    gemma.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    gemma.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    expect(write("gemma", gemma, {**names, "tokenizer_class": "GemmaTokenizer", "pad_token": "<unk>"}, {"model_type": "gemma"}))
    expect(write("no-config", llama))

    expect(write("unigram", unigram(lines), {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": True}))
    pieces = {"cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]", "mask_token": "[MASK]", "pad_token": "[PAD]"}
    expect(write("word-piece", word_piece(lines), {**pieces, "tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": True}))
    expect(write("word-level", word_level(lines), {"unk_token": "<unk>", "eos_token": "</s>", "tokenizer_class": "PreTrainedTokenizerFast"}))


def spm(name, text, config=None, model=None, **options):
    folder = write(name, None, config, model)
    settings = {
        "model_type": "bpe",
        "vocab_size": 600,
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "character_coverage": 1.0,
        "num_threads": 1,
        "minloglevel": 2,
        **options,
    }
    os.chdir(folder)  # the model keeps the names of its files
    sentencepiece.SentencePieceTrainer.train(input=f"../{text.name}", model_prefix="tokenizer", **settings)
    (folder / "tokenizer.vocab").unlink()
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    expect(folder, processor)


def from_sentencepiece(text):
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    llama = {**names, "tokenizer_class": "LlamaTokenizer", "legacy": False}
    flags = {"add_bos_token": True, "add_eos_token": False}
    spm("sp-llama", text, {**llama, **flags})
    spm("sp-llama-eos", text, {**llama, "add_bos_token": True, "add_eos_token": True})
    spm("sp-llama-plain", text, llama)
    spm("sp-llama-no-config", text, None)
    spm("sp-mistral", text, {**llama, **flags}, {"model_type": "mistral"})
    spm(
        "sp-llama-symbols",
        text,
        {**llama, **flags, "added_tokens_decoder": {"0": added("<unk>"), "1": added("<s>"), "2": added("</s>"), "600": added("<new>")}},
        user_defined_symbols="<extra>,\u2581\u2581",
        control_symbols="<|user|>,<|end|>",
    )
    gemma = {
        "bos_token": "<bos>",
        "eos_token": "<eos>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "tokenizer_class": "GemmaTokenizer",
        **flags,
    }
    spm(
        "sp-gemma",
        text,
        gemma,
        {"model_type": "gemma"},
        pad_id=0,
        eos_id=1,
        bos_id=2,
        unk_id=3,
        eos_piece="<eos>",
        bos_piece="<bos>",
        add_dummy_prefix=False,
        split_digits=True,
        user_defined_symbols="<mask>,<start_of_turn>,<end_of_turn>",
    )
    generic = {**names, "tokenizer_class": "PreTrainedTokenizerFast"}
    spm("sp-unigram", text, generic, model_type="unigram", vocab_size=400, byte_fallback=False, normalization_rule_name="nmt_nfkc", remove_extra_whitespaces=True)
    spm("sp-unigram-bytes", text, generic, model_type="unigram", vocab_size=600)
    spm("sp-bpe-nfkc", text, generic, normalization_rule_name="nmt_nfkc", remove_extra_whitespaces=True, byte_fallback=False, vocab_size=400)
    spm("sp-bpe-suffix", text, generic, treat_whitespace_as_suffix=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True, help="tinyshakespeare.txt")
    options = parser.parse_args()
    lines = corpus(options.text)
    ROOT.mkdir(parents=True, exist_ok=True)
    (ROOT / "texts.json").write_text(json.dumps(TEXTS), encoding="utf-8")
    small = ROOT / "corpus.txt"
    small.write_text("\n".join(lines), encoding="utf-8")
    from_json(lines)
    from_sentencepiece(small)
    small.unlink()


if __name__ == "__main__":
    main()
