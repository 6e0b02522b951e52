"""evaluate/.../golden/perplexity.json: perplexity of stories260K on the first 20,000 characters, float32.

Windows start at 0, stride, 2*stride, ... and hold up to 256 ids; the last one ends with the text. In each
window only the ids that no earlier window held count as targets, predicted from all ids before them in
the window. The first id of a window has nothing before it in the window: it is never a target of it.
That is Hugging Face's sliding-window recipe, except that every target weighs the same (the recipe averages
the windows' means). Sums are in float64 over float32 log-probabilities.
"""

import math

import peft
import torch

import common

CHARACTERS, LENGTH, STRIDES = 20_000, 256, (256, 128)


def perplexity(model, ids, stride):
    model.eval()
    total, count, previous_end, windows = 0.0, 0, 0, 0
    for begin in range(0, len(ids), stride):
        end = min(begin + LENGTH, len(ids))
        window = ids[begin:end]
        with torch.no_grad():
            log_probabilities = torch.log_softmax(model(input_ids=window[None]).logits[0, :-1], dim=-1)
        first = max(previous_end - begin, 1)
        targets = window[first:]
        terms = log_probabilities[first - 1 :].gather(1, targets[:, None])
        total -= terms.double().sum().item()
        count += len(targets)
        windows += 1
        previous_end = end
        if end == len(ids):
            break
    return {
        "stride": stride, "windows": windows, "tokens": count,
        "mean_loss": total / count, "perplexity": math.exp(total / count),
    }


def main():
    arguments = common.arguments(__doc__)
    golden = common.golden_folder("finetune")
    ids = common.tokens(arguments.model, arguments.text.read_text()[:CHARACTERS])
    models = {
        "float": lambda: common.float_model(arguments.model),
        "nf4": lambda: common.dequantize(common.quantized_model(golden / "base-nf4")),
        "float+lora-init": lambda: peft.PeftModel.from_pretrained(
            common.float_model(arguments.model), golden / "lora-init"),
        "nf4+lora-init": lambda: peft.PeftModel.from_pretrained(
            common.dequantize(common.quantized_model(golden / "base-nf4")), golden / "lora-init"),
    }
    results = []
    for name, load in models.items():
        model = load()
        for stride in STRIDES:
            results.append({"model": name, **perplexity(model, ids, stride)})
            print(results[-1])
    exact = [perplexity(common.double_model(arguments.model), ids, stride) for stride in STRIDES]
    difference = max(abs(e["perplexity"] - r["perplexity"]) for e, r in zip(exact, results))
    print("float64 perplexity difference", difference)
    common.save_json(common.golden_folder("evaluate") / "perplexity.json", {
        "meta": common.metadata(common.ADAPTER_SEED, float64_perplexity_difference=difference),
        "text": "tinyshakespeare.txt", "characters": CHARACTERS, "sequence_length": LENGTH,
        "results": {f"{r['model']} stride {r['stride']}": r for r in results},
        "ids": ids.tolist(),
    })


main()
