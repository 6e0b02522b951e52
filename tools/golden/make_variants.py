"""lora/.../golden/variants/NAME/: adapters written by PEFT that use more of its configuration.

Each folder holds adapter_config.json, adapter_model.safetensors and, in logits.safetensors, the float32
logits of base + adapter and of the merged model: `ids` [1,32], `positions` [4], `adapter` and `merged` [1,4,512].
B is random, so that every adapter changes the logits.
"""

import shutil

import peft
import torch

import common

POSITIONS = [0, 5, 17, 31]
LORA = dict(r=4, lora_alpha=8, lora_dropout=0.0, task_type="CAUSAL_LM")
VARIANTS = {
    # Scale alpha / sqrt(r).
    "rslora": dict(**LORA, use_rslora=True, target_modules=["q_proj", "v_proj"], layers_to_transform=[1]),
    # Ranks and alphas by name pattern; a pattern matches a whole tail of the module's name.
    "patterns": dict(
        **LORA, target_modules=["q_proj", "o_proj", "down_proj"], layers_to_transform=[0, 3],
        rank_pattern={"q_proj": 2, "layers.3.mlp.down_proj": 6}, alpha_pattern={"o_proj": 3, r".*\.3\.mlp\.down_proj": 12}),
    # A string is a regular expression over the whole module name.
    "regex": dict(**LORA, target_modules=r".*layers\.[04]\.self_attn\.(q|k)_proj"),
    # layers_to_transform as one number, modules left out by name.
    "exclude": dict(
        **LORA, target_modules="all-linear", exclude_modules=r".*(layers\.[0-3]\.|gate_proj|up_proj|down_proj).*"),
    # A module that is trained as a whole and stored beside the adapter.
    "modules-to-save": dict(
        **LORA, target_modules=["v_proj"], layers_to_transform=[2], modules_to_save=["model.norm"]),
    # Weight-decomposed LoRA: a magnitude per output row.
    "dora": dict(**LORA, use_dora=True, target_modules=["q_proj"], layers_to_transform=[0]),
    # LoRA on the embedding, with lora_embedding_A and lora_embedding_B. lm_head is tied to it: PEFT leaves
    # it alone with the adapter but changes it when merging, so there are no merged logits.
    "embedding": dict(**{**LORA, "r": 2}, target_modules=["embed_tokens"]),
}


def write(folder, options, model_folder, ids, plain):
    torch.manual_seed(common.ADAPTER_SEED)
    model = peft.get_peft_model(common.float_model(model_folder), peft.LoraConfig(**options))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                continue
            if "lora_B" in name or "lora_embedding_A" in name:
                parameter.normal_(0.0, 0.05)
            elif "modules_to_save" in name or "magnitude" in name:
                parameter.mul_(torch.empty_like(parameter).uniform_(0.9, 1.1))
    for entry in model.peft_config.values():
        entry.base_model_name_or_path = "stories260K"
    model.save_pretrained(folder, save_embedding_layers=False)
    common.clean_folder(folder, {"adapter_config.json", "adapter_model.safetensors"})

    # Read back, so that the logits are those of the files.
    model = peft.PeftModel.from_pretrained(common.float_model(model_folder), folder).eval()
    with torch.no_grad():
        adapter = model(input_ids=ids).logits
        merged = model.merge_and_unload()(input_ids=ids).logits
    change = (adapter - plain).abs().max().item()
    difference = (adapter - merged).abs().max().item()
    print(folder.name, "change of logits:", change, "adapter against merged:", difference)
    assert change > 1e-2
    tensors = {"ids": ids, "positions": torch.tensor(POSITIONS), "adapter": adapter[:, POSITIONS]}
    if folder.name != "embedding":
        tensors["merged"] = merged[:, POSITIONS]
        assert difference < 1e-4
    common.save_tensors(
        folder / "logits.safetensors",
        tensors,
        common.metadata(common.ADAPTER_SEED, adapter_against_merged_max_abs_difference=difference))


def main():
    arguments = common.arguments(__doc__)
    root = common.golden_folder("lora") / "variants"
    shutil.rmtree(root, ignore_errors=True)
    ids = common.blocks(common.tokens(arguments.model, arguments.text.read_text(), 32), 1, 32)
    with torch.no_grad():
        plain = common.float_model(arguments.model)(input_ids=ids).logits
    for name, options in VARIANTS.items():
        write(root / name, options, arguments.model, ids, plain)


main()
