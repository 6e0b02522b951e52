"""finetune/.../golden/losses.json: the losses of 20 training steps with PEFT, float32.

Starts from lora-start/ (written by make_gradients.py), on the float base and on base-nf4/.
Batch k holds blocks 4k..4k+3 of 128 ids; labels = ids, or -100 on the first `masked_labels[row]`
positions of a row. The loss of a step is the mean over all target tokens of its batch, also when the
batch is accumulated from two micro-batches of 2 (each micro-batch's sum divided by the batch's count).
"""

import peft
import torch

import common

STEPS, BATCH, LENGTH = 20, 4, 128
MASKED_LABELS = [16, 32, 64, 112]
OPTIONS = dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
MAX_GRAD_NORM = 1.0


def train(base, adapter, batches, masked, micro_batch):
    model = peft.PeftModel.from_pretrained(base, adapter, is_trainable=True, autocast_adapter_dtype=False)
    model = model.to(next(base.parameters()).dtype).train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, **OPTIONS)
    losses, norms = [], []
    for ids in batches:
        labels = ids.clone()
        for row, count in enumerate(MASKED_LABELS if masked else []):
            labels[row, :count] = -100
        targets = (labels[:, 1:] != -100).sum()
        loss = 0.0
        for start in range(0, BATCH, micro_batch):
            rows = slice(start, start + micro_batch)
            logits = model(input_ids=ids[rows]).logits[:, :-1]
            part = torch.nn.functional.cross_entropy(
                logits.reshape(-1, logits.shape[-1]), labels[rows, 1:].reshape(-1), reduction="sum") / targets
            part.backward()
            loss += part.detach()
        norms.append(torch.nn.utils.clip_grad_norm_(parameters, MAX_GRAD_NORM).item())
        losses.append(loss.item())
        optimizer.step()
        optimizer.zero_grad()
    model.unload()
    return losses, norms


def main():
    arguments = common.arguments(__doc__)
    folder = common.golden_folder("finetune")
    ids = common.tokens(arguments.model, arguments.text.read_text(), STEPS * BATCH * LENGTH)
    batches = ids.reshape(STEPS, BATCH, LENGTH)

    def base(name, dtype):
        model = common.float_model(arguments.model)
        if name == "nf4":
            model = common.dequantize(common.quantized_model(folder / "base-nf4"))
        if dtype == torch.float64:
            double = common.double_model(arguments.model)
            double.load_state_dict(model.state_dict())
            model = double
        return model

    runs, worst = {}, 0.0
    for name in ("float", "nf4"):
        for masked in (False, True):
            for micro_batch in (BATCH, 2):
                run = lambda dtype: train(base(name, dtype), folder / "lora-start", batches, masked, micro_batch)
                losses, norms = run(torch.float32)
                exact, _ = run(torch.float64)
                difference = max(abs(a - b) for a, b in zip(losses, exact))
                worst = max(worst, difference)
                key = f"{name}{'-masked' if masked else ''}{'-accumulated' if micro_batch < BATCH else ''}"
                print(key, losses[0], losses[-1], "norms", min(norms), max(norms), "float64 difference", difference)
                runs[key] = {
                    "base": name, "masked": masked, "micro_batch": micro_batch, "accumulation_steps": BATCH // micro_batch,
                    "losses": losses, "gradient_norms": norms, "float64_max_difference": difference,
                }
    common.save_json(folder / "losses.json", {
        "meta": common.metadata(common.ADAPTER_SEED, float64_max_difference=worst),
        "steps": STEPS, "batch": BATCH, "sequence_length": LENGTH,
        "learning_rate": OPTIONS["lr"], "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.0,
        "max_grad_norm": MAX_GRAD_NORM, "schedule": "constant", "warmup_steps": 0,
        "masked_labels": MASKED_LABELS,
        "runs": runs,
        "ids": ids.tolist(),
    })


main()
