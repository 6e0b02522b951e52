"""finetune/.../golden: adapters, the NF4 base, and LoRA gradients by torch autograd, float32.

lora-start/  PEFT's default init (Kaiming-uniform A, B = 0)
lora-init/   the same A, B from a normal distribution, so that A and B both have gradients
base-nf4/    stories260K in NF4 with double quantization, written by transformers + bitsandbytes
gradients-float.safetensors, gradients-nf4.safetensors: loss and gradient of every lora_A and lora_B
    (names as in adapter_model.safetensors) with lora-init, for `ids` [2,64], labels = ids
"""

import shutil

import bitsandbytes
import peft
import torch
from transformers import AutoModelForCausalLM

import common

SEED, B_STD = common.ADAPTER_SEED, 0.02
ADAPTER_FILES = {"adapter_config.json", "adapter_model.safetensors"}


def write_adapters(folder, model_folder):
    config = peft.LoraConfig(r=8, lora_alpha=16, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
    torch.manual_seed(SEED)
    model = peft.get_peft_model(common.float_model(model_folder), config)
    for entry in model.peft_config.values():
        entry.base_model_name_or_path = "stories260K"
    model.save_pretrained(folder / "lora-start")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0.0, B_STD)
    model.save_pretrained(folder / "lora-init")
    for name in ("lora-start", "lora-init"):
        common.clean_folder(folder / name, ADAPTER_FILES)


def write_base(folder, model_folder):
    model = AutoModelForCausalLM.from_pretrained(
        model_folder, dtype=torch.float32, quantization_config=common.nf4_config(), device_map="cpu")
    model.save_pretrained(folder)
    common.clean_folder(folder, {"config.json", "model.safetensors"})


def adapted(model, adapter):
    return peft.PeftModel.from_pretrained(model, adapter, is_trainable=True, autocast_adapter_dtype=False)


def loss_and_gradients(model, ids):
    model.train()
    logits = model(input_ids=ids).logits
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1))
    if logits.dtype == torch.float32:
        assert torch.allclose(loss, model(input_ids=ids, labels=ids).loss, rtol=1e-6)
    loss.backward()
    gradients = {
        name.replace(".default", ""): parameter.grad
        for name, parameter in model.named_parameters() if parameter.requires_grad
    }
    assert gradients and all(g.abs().max() > 0 for g in gradients.values())
    return loss.detach(), gradients


def largest_difference(actual, expected):
    return max(common.relative_difference(actual[name], expected[name]) for name in expected)


def main():
    arguments = common.arguments(__doc__)
    folder = common.golden_folder("finetune")
    for name in ("lora-start", "lora-init", "base-nf4"):
        shutil.rmtree(folder / name, ignore_errors=True)
    write_adapters(folder, arguments.model)
    write_base(folder / "base-nf4", arguments.model)

    ids = common.blocks(common.tokens(arguments.model, arguments.text.read_text()), 2, 64)
    adapter = folder / "lora-init"

    quantized = common.quantized_model(folder / "base-nf4")
    assert sum(isinstance(m, bitsandbytes.nn.Linear4bit) for m in quantized.modules()) == 35
    plain = common.dequantize(common.quantized_model(folder / "base-nf4"))
    for name, base in (("float", common.float_model(arguments.model)), ("nf4", plain)):
        double = common.double_model(arguments.model)
        double.load_state_dict(base.state_dict())
        loss, gradients = loss_and_gradients(adapted(base, adapter), ids)
        exact_loss, exact = loss_and_gradients(adapted(double, adapter).double(), ids)
        notes = {
            "float64_loss_difference": abs(loss.double() - exact_loss).item(),
            "float64_relative_difference": largest_difference(gradients, exact),
            "float64_norm_relative_difference": max(
                ((gradients[n] - exact[n]).norm() / exact[n].norm()).item() for n in exact),
        }
        if name == "nf4":
            direct_loss, direct = loss_and_gradients(adapted(quantized, adapter), ids)
            notes["linear4bit_loss_difference"] = abs(direct_loss - loss).item()
            notes["linear4bit_relative_difference"] = largest_difference(direct, gradients)
        print(name, loss.item(), notes)
        common.save_tensors(
            folder / f"gradients-{name}.safetensors",
            {"ids": ids, "loss": loss.reshape(1), **gradients},
            common.metadata(SEED, **notes))


if __name__ == "__main__":
    main()
