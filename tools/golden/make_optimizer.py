"""finetune/.../golden/optimizer.json: torch.optim.AdamW with gradient clipping, and transformers' schedules.

A matrix [3,4], which decays, and a vector [5], which does not, over 8 steps with random gradients; the learning rate
of each step is that of the cosine schedule with warm-up.
"""

import torch
from transformers import get_scheduler

import common

SEED, STEPS = 7, 8
LEARNING_RATE, BETAS, EPSILON, WEIGHT_DECAY, MAX_GRAD_NORM = 0.01, (0.9, 0.95), 1e-6, 0.1, 1.0
SCHEDULES = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}


def schedule(name, warmup, total):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=LEARNING_RATE)
    scheduler = get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=total)
    rates = []
    for _ in range(total):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return rates


def main():
    common.arguments(__doc__)
    torch.manual_seed(SEED)
    matrix, vector = torch.nn.Parameter(torch.randn(3, 4)), torch.nn.Parameter(torch.randn(5))
    start = [matrix.detach().flatten().tolist(), vector.detach().tolist()]
    optimizer = torch.optim.AdamW(
        [{"params": [matrix], "weight_decay": WEIGHT_DECAY}, {"params": [vector], "weight_decay": 0.0}],
        lr=LEARNING_RATE, betas=BETAS, eps=EPSILON)
    steps = []
    for rate in schedule("cosine", 2, STEPS):
        for group in optimizer.param_groups:
            group["lr"] = rate
        # Some steps are clipped and some are not.
        matrix.grad, vector.grad = torch.randn(3, 4) * 0.2, torch.randn(5) * 0.3
        gradients = [matrix.grad.flatten().tolist(), vector.grad.tolist()]
        norm = torch.nn.utils.clip_grad_norm_([matrix, vector], MAX_GRAD_NORM).item()
        optimizer.step()
        steps.append({
            "learning_rate": rate, "gradients": gradients, "norm": norm,
            "matrix": matrix.detach().flatten().tolist(), "vector": vector.detach().tolist()})
    norms = [step["norm"] for step in steps]
    assert min(norms) < MAX_GRAD_NORM < max(norms), norms
    common.save_json(common.golden_folder("finetune") / "optimizer.json", {
        "meta": common.metadata(SEED),
        "beta1": BETAS[0], "beta2": BETAS[1], "epsilon": EPSILON, "weight_decay": WEIGHT_DECAY,
        "max_grad_norm": MAX_GRAD_NORM, "start": start, "steps": steps,
        "peak": LEARNING_RATE,
        "schedules": [
            {"shape": ours, "warmup_steps": warmup, "total_steps": total, "rates": schedule(theirs, warmup, total)}
            for ours, theirs in SCHEDULES.items() for warmup, total in ((0, 10), (3, 12), (12, 12))]})


main()
