"""finetune/.../golden/gradients-int8.safetensors: LoRA gradients over an LLM.int8 base by torch autograd, float32.

`ids`, `loss` and gradients as in gradients-float.safetensors, with `lora-init` on stories260K loaded in 8 bits. On the
CPU bitsandbytes trains with a dequantized product; here its `matmul` is replaced by `MatMul8bitLt`, the product on
integers with outlier columns that it trains with on a GPU. Needs the files of make_gradients.py.

The metadata says how far the same gradients are from those over the dequantized product.
"""

import bitsandbytes
import torch
from bitsandbytes.autograd._functions import MatMul8bitLt
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

import common
from make_gradients import adapted, largest_difference, loss_and_gradients

outliers = []


def on_integers(a, b, out=None, state=None, threshold=0.0, bias=None):
    if threshold > 0:
        state.threshold = threshold
    result = MatMul8bitLt.apply(a, b, out, bias, state)
    outliers.append(state.idx.numel() / a.shape[-1])
    return result


def model(folder):
    config = BitsAndBytesConfig(load_in_8bit=True)
    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, quantization_config=config, attn_implementation="eager", device_map="cpu")


def main():
    arguments = common.arguments(__doc__)
    folder = common.golden_folder("finetune")
    ids = common.blocks(common.tokens(arguments.model, arguments.text.read_text()), 2, 64)
    plain_loss, plain = loss_and_gradients(adapted(model(arguments.model), folder / "lora-init"), ids)
    bitsandbytes.matmul = on_integers
    loss, gradients = loss_and_gradients(adapted(model(arguments.model), folder / "lora-init"), ids)
    notes = {
        "outlier_columns_mean": sum(outliers) / len(outliers),
        "dequantized_loss": plain_loss.item(),
        "dequantized_relative_difference": largest_difference(plain, gradients),
    }
    print(loss.item(), notes)
    assert 0 < notes["outlier_columns_mean"] < 0.5
    common.save_tensors(
        folder / "gradients-int8.safetensors", {"ids": ids, "loss": loss.reshape(1), **gradients},
        common.metadata(common.ADAPTER_SEED, **notes))


main()
