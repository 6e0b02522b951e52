"""calibrate/.../golden/gptq.safetensors: GPTQ written out column by column in torch, float64.

Takes no arguments. The arithmetic is that of arXiv:2210.17323, algorithm 1, without blocks: each error goes to all
columns after it at once. Scales and integers are computed in float32, as the file format has them.
"""

import torch

import common

ROWS, COLUMNS, TOKENS, GROUP = 8, 160, 96, 32
DEAD = [3, 77]
SEED = 17
CASES = {
    # name: (bits, symmetric, grouped, act_order, static groups)
    "int4:sym:group=32": (4, True, True, False),
    "int4:sym:group=32 desc_act": (4, True, True, True),
    "int4:sym:group=32 desc_act g_idx": (4, True, True, True, False),
    "uint3:asym:group=32": (3, False, True, False),
    "uint3:asym:group=32 desc_act": (3, False, True, True),
    "uint3:asym:group=32 desc_act g_idx": (3, False, True, True, False),
    "int3:sym:channel": (3, True, False, False),
    "uint4:asym:channel desc_act": (4, False, False, True),
}


class Grid:
    """Signed and symmetric, or unsigned and asymmetric."""

    def __init__(self, weights, bits, symmetric):
        w = weights.float()
        low = torch.clamp(w.amin(dim=1), max=0)
        high = torch.clamp(w.amax(dim=1), min=0)
        self.bottom, self.top = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if symmetric else (0, 2**bits - 1)
        steps = torch.tensor(float(2**bits - 1))
        if symmetric:
            self.scale = 2 * torch.maximum(-low, high) / steps
            self.zero = torch.zeros_like(self.scale)
        else:
            self.scale = (high - low) / steps
            self.zero = torch.clamp(torch.round(-low / self.scale), self.bottom, self.top)

    def nearest(self, column):
        q = torch.clamp(torch.round(column.float() / self.scale) + self.zero, self.bottom, self.top)
        return (q - self.zero) * self.scale


def gptq(weight, x, bits, symmetric, grouped, act_order, static_groups=True, percent=0.01):
    w = weight.double().clone()
    h = 2.0 / x.shape[0] * (x.T @ x).double()
    dead = torch.diag(h) == 0
    h[dead, dead] = 1
    w[:, dead] = 0
    width = GROUP if grouped else COLUMNS
    on_the_way = grouped and not (act_order and static_groups)
    grids = [None if on_the_way else Grid(w[:, at:at + width], bits, symmetric) for at in range(0, COLUMNS, width)]
    order = torch.argsort(torch.diag(h), descending=True, stable=True) if act_order else torch.arange(COLUMNS)
    w, h = w[:, order], h[order][:, order]
    h += percent * torch.diag(h).mean() * torch.eye(COLUMNS, dtype=torch.float64)
    upper = torch.linalg.cholesky(torch.linalg.inv(h), upper=True)
    result = torch.empty(ROWS, COLUMNS)
    group = torch.arange(COLUMNS) // width
    if on_the_way:
        group[order] = torch.arange(COLUMNS) // width
    for i in range(COLUMNS):
        column = int(order[i])
        if on_the_way and i % width == 0:
            grids[i // width] = Grid(w[:, i:i + width], bits, symmetric)
        nearest = grids[group[column]].nearest(w[:, i])
        result[:, column] = nearest
        error = (w[:, i] - nearest.double()) / upper[i, i]
        w[:, i + 1:] -= error[:, None] * upper[i, i + 1:][None, :]
    return result, group.to(torch.int32)


def main():
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(SEED)
    weight = 0.05 * torch.randn(ROWS, COLUMNS, generator=generator)
    mixing = torch.randn(COLUMNS, COLUMNS, generator=generator) / COLUMNS**0.5
    x = torch.randn(TOKENS, COLUMNS, generator=generator) @ (mixing + torch.eye(COLUMNS))
    x[:, 40] *= 6
    x[:, DEAD] = 0
    # values of few bits: float32 sums their products exactly, so every order of summation gives the same Hessian
    x = torch.round(x * 8) / 8
    assert torch.equal((x.T @ x).double(), x.T.double() @ x.double())
    tensors = {"weight": weight, "x": x}
    for name, case in CASES.items():
        tensors[name], group = gptq(weight, x, *case)
        if name.endswith("g_idx"):
            tensors[name + " groups"] = group
    common.save_tensors(common.golden_folder("calibrate") / "gptq.safetensors", tensors, common.metadata(SEED))


main()
