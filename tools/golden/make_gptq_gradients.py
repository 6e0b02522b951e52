"""finetune/.../golden/base-gptq/ and gradients-gptq.safetensors: LoRA gradients over an act-order GPTQ base.

Takes the usual two arguments, after make_gradients.py; needs requirements-gptq.txt. The attention layers of stories260K
are rounded to 4 bits with zero points in groups of 32 columns that are not neighbours, and packed by GPTQModel
(gptq_v2); everything else is rounded to bfloat16 (its feed-forward width, 172, fills no whole words). The reference
multiplies plain float32 layers by the weights of that file: (code - zero) * scale.
"""

import json
import shutil

import torch
from gptqmodel.nn_modules.qlinear.torch import TorchLinear
from safetensors.torch import load_file

import common
from make_gradients import adapted, loss_and_gradients

SEED, BITS, GROUP = 7, 4, 32


def packed(weight, generator):
    rows, columns = weight.shape
    groups = (torch.arange(columns) // GROUP)[torch.randperm(columns, generator=generator)]
    count = columns // GROUP
    scale, zero = torch.empty(rows, count), torch.empty(rows, count)
    for group in range(count):
        part = weight[:, groups == group]
        low, high = part.amin(1).clamp(max=0), part.amax(1).clamp(min=0)
        scale[:, group] = ((high - low) / 15).half().float()
        zero[:, group] = torch.round(-low / scale[:, group]).clamp(0, 15)
    codes = torch.clamp(torch.round(weight / scale[:, groups]) + zero[:, groups], 0, 15)
    exact = (codes - zero[:, groups]) * scale[:, groups]
    layer = TorchLinear(
        bits=BITS, group_size=GROUP, sym=False, desc_act=True, in_features=columns, out_features=rows, bias=False,
        pack_dtype=torch.int32, register_buffers=True)
    linear = torch.nn.Linear(columns, rows, bias=False)
    linear.weight.data = exact
    layer.pack_original(linear, scale, zero.to(torch.int32), groups.to(torch.int32))
    return layer, exact


def main():
    arguments = common.arguments(__doc__)
    folder = common.golden_folder("finetune")
    generator = torch.Generator().manual_seed(SEED)
    model = common.float_model(arguments.model)
    state = {name: tensor.bfloat16() for name, tensor in load_file(arguments.model / "model.safetensors").items()}
    exact = {name: tensor.float() for name, tensor in state.items()}
    for name in [name for name in state if ".self_attn." in name and name.endswith("_proj.weight")]:
        layer, exact[name] = packed(state.pop(name).float(), generator)
        module = name.removesuffix(".weight")
        for part in ("qweight", "qzeros", "scales", "g_idx"):
            state[f"{module}.{part}"] = getattr(layer, part)
    base = folder / "base-gptq"
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir()
    config = json.loads((arguments.model / "config.json").read_text())
    config["quantization_config"] = {
        "quant_method": "gptq", "bits": BITS, "group_size": GROUP, "sym": False, "desc_act": True,
        "checkpoint_format": "gptq_v2"}
    (base / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    common.save_tensors(base / "model.safetensors", state, common.metadata(SEED, gptqmodel="7.7.0"))

    model.load_state_dict(exact, strict=False)
    ids = common.blocks(common.tokens(arguments.model, arguments.text.read_text()), 2, 64)
    loss, gradients = loss_and_gradients(adapted(model, folder / "lora-init"), ids)
    print(loss.item())
    common.save_tensors(
        folder / "gradients-gptq.safetensors", {"ids": ids, "loss": loss.reshape(1), **gradients},
        common.metadata(SEED, gptqmodel="7.7.0"))


main()
