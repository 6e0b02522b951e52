"""lora/.../golden/adapters: every kind of adapter that PEFT makes of a LoraConfig, on two small random models.

base-untied/, base-tied/: Qwen2 models of two blocks with biases; base-nf4/: base-untied in NF4, by bitsandbytes;
base-gemma/, base-gemma-tied/: Gemma, whose embeddings are scaled; base-phi3/: Phi-3, whose projections are fused
NAME/: adapter_config.json, adapter_model.safetensors, and expected.safetensors with
    ids [2,12], logits [2,12,80] of base + adapter in eval mode, loss (labels = ids),
    grad.KEY: gradient of every trained tensor, KEY its name in adapter_model.safetensors,
    tied [1]: whether head and embedding are equal once merged,
    merged.NAME: every tensor that merge_and_unload changes, unless PEFT cannot merge it rightly (see MERGES_WRONGLY);
    for those of WITH_DROPOUT dropout.loss, dropout.grad.KEY: in training mode with the masks of LoraPair for DROPOUT_SEED,
    for those of ON_NF4 the same on base-nf4 as nf4.logits, nf4.loss, nf4.grad.KEY.
All in float32; random tensors are drawn around what PEFT starts with, so that every gradient differs from zero.
"""

import copy
import shutil
import warnings

import peft
import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, GemmaConfig, Phi3Config, Qwen2Config

import common

SEED = 4
VOCAB, LENGTH = 80, 12
LORA = dict(r=4, lora_alpha=8, lora_dropout=0.0, task_type="CAUSAL_LM")
QV = dict(target_modules=["q_proj", "v_proj"])
ENDS = dict(target_modules=["embed_tokens", "q_proj", "lm_head"])

# name: (tied embeddings or the base, options)
ADAPTERS = {
    "dora": (False, dict(target_modules=["q_proj", "o_proj", "up_proj"], use_dora=True)),
    "dora-rslora": (False, dict(**QV, use_dora=True, use_rslora=True, rank_pattern={"v_proj": 2})),
    "dora-ends": (False, dict(**ENDS, use_dora=True)),
    "ends": (False, ENDS),
    "ends-tied": (True, ENDS),
    "embedding-tied": (True, dict(target_modules=["embed_tokens", "q_proj"])),
    "ends-tied-ensured": (True, dict(target_modules=["embed_tokens", "q_proj"], ensure_weight_tying=True)),
    "save-norms": (False, dict(**QV, modules_to_save=["norm"])),
    "save-ends": (False, dict(**QV, modules_to_save=["embed_tokens", "lm_head"])),
    "save-ends-tied": (True, dict(**QV, modules_to_save=["embed_tokens", "lm_head"])),
    "save-head-tied": (True, dict(**QV, modules_to_save=["lm_head"])),
    "save-ends-tied-ensured": (True, dict(**QV, modules_to_save=["lm_head"], ensure_weight_tying=True)),
    "save-linears": (False, dict(target_modules="all-linear", modules_to_save=["layers.1.mlp", "0.self_attn.k_proj"])),
    "bias-all": (False, dict(**QV, bias="all")),
    "bias-lora-only": (False, dict(target_modules=["k_proj", "o_proj"], bias="lora_only")),
    "bias-all-dora": (False, dict(**QV, bias="all", use_dora=True)),
    "bias-all-save": (False, dict(target_modules=["q_proj"], bias="all", modules_to_save=["v_proj"])),
    "lora-bias": (False, dict(**QV, lora_bias=True)),
    "tokens": (False, dict(**QV, trainable_token_indices=[3, 17, 70])),
    "tokens-tied": (True, dict(**QV, trainable_token_indices=[3, 17, 70])),
    "tokens-two": (True, dict(**QV, trainable_token_indices={"embed_tokens": [3, 17], "lm_head": [4, 79]})),
    "everything": (True, dict(
        target_modules=["k_proj", "down_proj", "lm_head"], use_dora=True, use_rslora=True, bias="all",
        alpha_pattern={"down_proj": 3}, modules_to_save=["embed_tokens", "model.norm"])),
    "gemma-ends": ("gemma", ENDS),
    "gemma-ends-dora": ("gemma", dict(**ENDS, use_dora=True)),
    "gemma-tokens": ("gemma", dict(**QV, trainable_token_indices=[3, 17, 70])),
    "gemma-tokens-tied": ("gemma-tied", dict(**QV, trainable_token_indices=[3, 17, 70])),
    "gemma-save": ("gemma", dict(target_modules="all-linear", modules_to_save=["embed_tokens", "input_layernorm"])),
    "phi3-all": ("phi3", dict(target_modules="all-linear")),
    "phi3-dora": ("phi3", dict(target_modules=["qkv_proj", "gate_up_proj"], use_dora=True, use_rslora=True)),
    "phi3-save": ("phi3", dict(target_modules=["o_proj", "gate_up_proj"], modules_to_save=["qkv_proj", "lm_head"])),
    "phi3-some": ("phi3", dict(target_modules=["q_proj", "o_proj", "down_proj"])),  # q_proj matches nothing
}
WITH_DROPOUT = {"dora", "bias-lora-only"}
DROPOUT, DROPOUT_SEED = 0.3, 77
ON_NF4 = {"dora", "dora-ends", "ends", "save-norms", "bias-lora-only", "lora-bias", "tokens"}
# On tied embeddings merge_and_unload adds the update of one end to both, and with trained rows of both ends
# it overwrites one with the other; the merged tensors are then computed from those of each module.
MERGES_WRONGLY = {"ends-tied", "embedding-tied", "ends-tied-ensured", "everything", "tokens-two"}


SIZES = dict(vocab_size=VOCAB, hidden_size=64, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=1, max_position_embeddings=64, initializer_range=0.1)


def base(folder, tied, kind=Qwen2Config, **more):
    torch.manual_seed(SEED)
    config = kind(**SIZES, tie_word_embeddings=tied, **more)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0.0, 0.2)
            elif "norm" in name:
                parameter.uniform_(0.8, 1.2)
    model.save_pretrained(folder)
    common.clean_folder(folder, {"config.json", "model.safetensors"})


def nf4(folder, source):
    model = AutoModelForCausalLM.from_pretrained(
        source, dtype=torch.float32, quantization_config=common.nf4_config(), device_map="cpu")
    model.save_pretrained(folder)
    common.clean_folder(folder, {"config.json", "model.safetensors"})


def shuffle(model):
    """Moves every trained tensor away from its start."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                continue
            if "magnitude" in name:
                parameter.mul_(torch.empty_like(parameter).uniform_(0.9, 1.1))
            elif "lora_embedding_B" in name:
                parameter.normal_(0.0, 0.2)
            elif "lora_A" in name:
                pass
            elif "lora_B" in name or "lora_embedding_A" in name:
                parameter.normal_(0.0, 0.1)
            else:
                parameter.add_(torch.empty_like(parameter).normal_(0.0, 0.05))


def mix(value):
    """The finaliser of SplitMix64."""
    bits = (1 << 64) - 1
    z = (value + 0x9E3779B97F4A7C15) & bits
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & bits
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & bits
    return z ^ (z >> 31)


class Masked(torch.nn.Dropout):
    """Dropout whose mask depends on a seed and the number of the layer alone."""

    def __init__(self, layer):
        super().__init__(DROPOUT)
        self.layer = layer

    def forward(self, x):
        key = mix(DROPOUT_SEED ^ mix(self.layer))
        generator = torch.Generator().manual_seed(key)
        uniform = torch.empty(x.shape.numel() // x.shape[-1], x.shape[-1]).uniform_(0, 1, generator=generator)
        return x * ((uniform < 1 - DROPOUT).to(x.dtype) * (1 / (1 - DROPOUT))).reshape(x.shape)


def with_dropout(source, folder, ids):
    model = load(source, folder, True).train()
    layers = [m for m in model.modules() if isinstance(m, peft.tuners.lora.LoraLayer)]
    for index, layer in enumerate(layers):
        layer.lora_dropout["default"] = Masked(index)
    return loss_and_gradients(model, ids)


def key_of(name):
    """The name of a parameter in adapter_model.safetensors."""
    return name.replace(".modules_to_save.default", "").replace("magnitude_vector.default.weight", "magnitude_vector").replace(
        ".default", "")


def loss_and_gradients(model, ids):
    model.zero_grad()
    logits = model(input_ids=ids).logits
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1))
    loss.backward()
    gradients = {key_of(n): p.grad for n, p in model.named_parameters() if p.requires_grad}
    assert gradients and all(g is not None and g.abs().max() > 0 for g in gradients.values())
    return loss.detach(), gradients


def load(folder, adapter, trainable):
    model = common.float_model(folder)
    return peft.PeftModel.from_pretrained(model, adapter, is_trainable=trainable, autocast_adapter_dtype=False).eval()


def plain_weights(folder):
    return common.float_model(folder).state_dict()


def merged(folder, adapter, name, ids, logits):
    """What merging changes, by the names of a checkpoint."""
    if name in MERGES_WRONGLY:
        untied = common.float_model(folder)
        untied.config.tie_word_embeddings = False
        untied.lm_head.weight = torch.nn.Parameter(untied.lm_head.weight.detach().clone())
        untied._tied_weights_keys = {}
        config = peft.LoraConfig.from_pretrained(adapter)
        if config.ensure_weight_tying:
            config.ensure_weight_tying = False
            config.target_modules |= {"lm_head"}
        model = peft.PeftModel.from_pretrained(untied, adapter, config=config, autocast_adapter_dtype=False).eval()
    else:
        model = load(folder, adapter, False)
    whole = model.merge_and_unload()
    with torch.no_grad():
        difference = (whole(input_ids=ids).logits - logits).abs().max().item()
    before = plain_weights(folder)
    after = {key.replace(".base_layer", "").replace(".token_adapter", ""): value for key, value in whole.state_dict().items()}
    changed = {key: value for key, value in after.items() if key not in before or not torch.equal(value, before[key])}
    assert difference < 1e-4, (name, difference)
    tied = torch.equal(after["lm_head.weight"], after["model.embed_tokens.weight"])
    if tied:
        changed.pop("lm_head.weight", None)
    return changed, tied, difference


def write(folder, name, tied, options, root, ids):
    source = root / ("base-" + (tied if isinstance(tied, str) else "tied" if tied else "untied"))
    torch.manual_seed(SEED + 1)
    plain = {**LORA, "lora_dropout": DROPOUT if name in WITH_DROPOUT else 0.0}
    model = peft.get_peft_model(common.float_model(source), peft.LoraConfig(**plain, **copy.deepcopy(options)))
    shuffle(model)
    if name == "ends-tied-ensured":  # PEFT makes two parameters over one memory of what should be one
        head, embedding = model.base_model.model.lm_head, model.get_input_embeddings()
        head.lora_A["default"].weight.data = embedding.lora_embedding_B["default"].t().detach().clone()
        head.lora_B["default"].weight.data = embedding.lora_embedding_A["default"].t().detach().clone()
    for entry in model.peft_config.values():
        entry.base_model_name_or_path = "base"
    model.save_pretrained(folder)
    common.clean_folder(folder, {"adapter_config.json", "adapter_model.safetensors"})

    model = load(source, folder, True)
    with torch.no_grad():
        logits = model(input_ids=ids).logits
        plain = common.float_model(source)(input_ids=ids).logits
    loss, gradients = loss_and_gradients(model, ids)
    stored = load_file(folder / "adapter_model.safetensors")
    assert set(gradients) <= set(stored), set(gradients) - set(stored)
    change = (logits - plain).abs().max().item()
    assert change > 1e-2, name
    weights, still_tied, difference = merged(source, folder, name, ids, logits)
    tensors = {
        "ids": ids, "logits": logits, "loss": loss.reshape(1),
        "tied": torch.tensor([int(still_tied)]),
        **{f"grad.{key}": value.clone() for key, value in gradients.items()},
        **{f"merged.{key}": value for key, value in weights.items()},
    }
    if name in WITH_DROPOUT:
        loss, gradients = with_dropout(source, folder, ids)
        tensors["dropout.loss"] = loss.reshape(1)
        tensors.update({f"dropout.grad.{key}": value for key, value in gradients.items()})
    if name in ON_NF4:
        plain_nf4 = common.dequantize(common.quantized_model(root / "base-nf4"))
        model = peft.PeftModel.from_pretrained(plain_nf4, folder, is_trainable=True, autocast_adapter_dtype=False).eval()
        with torch.no_grad():
            tensors["nf4.logits"] = model(input_ids=ids).logits
        loss, gradients = loss_and_gradients(model, ids)
        tensors["nf4.loss"] = loss.reshape(1)
        tensors.update({f"nf4.grad.{key}": value.clone() for key, value in gradients.items()})
    print(name, "change", change, "merged", difference, len(gradients), "gradients")
    common.save_tensors(folder / "expected.safetensors", tensors, common.metadata(SEED))


def main():
    warnings.simplefilter("ignore")
    transformers.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    root = common.golden_folder("lora") / "adapters"
    shutil.rmtree(root, ignore_errors=True)
    base(root / "base-untied", False)
    base(root / "base-tied", True)
    base(root / "base-gemma", False, GemmaConfig, head_dim=16)
    base(root / "base-gemma-tied", True, GemmaConfig, head_dim=16)
    base(root / "base-phi3", False, Phi3Config, pad_token_id=0)
    nf4(root / "base-nf4", root / "base-untied")
    torch.manual_seed(SEED + 2)
    ids = torch.randint(0, VOCAB, (2, LENGTH))
    ids[0, 2], ids[1, 5], ids[1, 7], ids[0, 9] = 3, 17, 70, 4
    for name, (tied, options) in ADAPTERS.items():
        write(root / name, name, tied, options, root, ids)


main()
