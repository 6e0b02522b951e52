"""finetune/.../golden/gradients-full.safetensors: loss and gradient of every weight of stories260K.

`ids` [2,64], labels = ids, `loss` [1]. Under the name of each tensor its gradient: whole for vectors and for
the embedding (which is tied to the head), every eighth row of the other matrices; under NAME.norm the Euclidean norm
of all of it.
"""

import torch

import common


def gradients(model, ids):
    logits = model(input_ids=ids).logits
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1))
    loss.backward()
    return loss.detach(), {name: parameter.grad for name, parameter in model.named_parameters()}


def main():
    arguments = common.arguments(__doc__)
    ids = common.blocks(common.tokens(arguments.model, arguments.text.read_text(), 128), 2, 64)
    loss, found = gradients(common.float_model(arguments.model), ids)
    _, exact = gradients(common.double_model(arguments.model), ids)
    difference = max(common.relative_difference(found[name], exact[name]) for name in exact)
    print("loss", loss.item(), len(found), "tensors, float64 difference", difference)
    tensors = {"ids": ids, "loss": loss.reshape(1)}
    for name, gradient in found.items():
        part = gradient[::8] if name.endswith("_proj.weight") else gradient
        tensors[name] = part
        tensors[name + ".norm"] = gradient.double().norm().float().reshape(1)
    common.save_tensors(
        common.golden_folder("finetune") / "gradients-full.safetensors",
        tensors,
        common.metadata(float64_max_relative_difference=difference))


main()
