"""Tiny random checkpoints of every decoder family, their logits, and gradients through PEFT (takes no arguments).

model/.../golden/families/NAME/: config.json, model.safetensors; config-old.json where older releases of transformers
    wrote other keys for the same model (the logits are asserted to be the same); logits.safetensors:
    ids [2,80]; logits [2,4,vocab] at `positions`; short: logits [2,vocab] after the first 20 ids alone;
    greedy [40]: what transformers generates, with its cache, after the first 24 ids of row 0;
    bfloat16 [2,4,vocab]: the logits of the model loaded in bfloat16
lora/.../golden/families/NAME/: a PEFT adapter on all linear layers (r=4, B random); gradients.safetensors: loss [1] and
    logits [2,4,vocab] with it, the gradient of every lora_A and lora_B under its PEFT name, for labels = ids
finetune/.../golden/families/NAME.safetensors: loss [1] without the adapter and the gradient of every tensor: of vectors
    all, of matrices every eighth row, and under NAME.norm the Euclidean norm of all of it

model/.../golden/gemma3-images/: a Gemma3ForConditionalGeneration, whose text part alone is read: ids [2,40], logits of all

The families of make_families.py keep the checkpoints they have and get the second and the third.
"""

import json
import shutil
import tempfile
from pathlib import Path

import peft
import torch
from transformers import (
    AutoModelForCausalLM, Gemma2Config, Gemma3Config, Gemma3ForConditionalGeneration, Gemma3TextConfig, GemmaConfig,
    GraniteConfig, LlamaConfig, MistralConfig, Phi3Config, Qwen2Config, Qwen3Config, SmolLM3Config)

import common

SEED = 43
POSITIONS = [0, 23, 40, 79]
SHORT, PROMPT, GENERATED = 20, 24, 40
SIZES = dict(vocab_size=72, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=256, pad_token_id=0, bos_token_id=2, eos_token_id=1)
DEEP = {**SIZES, "num_hidden_layers": 3}
LONGROPE = dict(rope_type="longrope", rope_theta=10000.0, short_factor=[1.0, 1.1, 1.3, 1.6],
                long_factor=[1.2, 2.0, 5.0, 7.5])
HALF_LONGROPE = {**LONGROPE, "short_factor": [1.05, 1.2], "long_factor": [1.5, 6.0], "partial_rotary_factor": 0.5}

KEPT = ["llama3", "llama-bias", "llama-linear-rope", "mistral", "qwen2"]
FAMILIES = {
    "llama-gelu": LlamaConfig(**SIZES, hidden_act="gelu"),
    "llama-yarn": LlamaConfig(
        **SIZES, rope_parameters=dict(rope_type="yarn", rope_theta=10000.0, factor=4.0,
                                      original_max_position_embeddings=64)),
    "llama-dynamic": LlamaConfig(
        **SIZES, rope_parameters=dict(rope_type="dynamic", rope_theta=10000.0, factor=2.0)),
    "mistral-window": MistralConfig(**SIZES, head_dim=16, sliding_window=11),
    "qwen2-window": Qwen2Config(**DEEP, use_sliding_window=True, sliding_window=13, max_window_layers=1),
    "qwen3": Qwen3Config(**SIZES, head_dim=16, tie_word_embeddings=True),
    "qwen3-window": Qwen3Config(**DEEP, head_dim=12, attention_bias=True, use_sliding_window=True, sliding_window=9,
                                max_window_layers=2),
    "gemma": GemmaConfig(**{**SIZES, "num_key_value_heads": 1}, head_dim=16),
    "gemma-bias": GemmaConfig(**SIZES, head_dim=8, attention_bias=True, tie_word_embeddings=False),
    "gemma2": Gemma2Config(**DEEP, head_dim=16, query_pre_attn_scalar=24, sliding_window=10,
                           attn_logit_softcapping=1.5, final_logit_softcapping=2.5),
    "gemma2-wide": Gemma2Config(**{**SIZES, "num_attention_heads": 2, "num_key_value_heads": 1}, head_dim=72,
                                query_pre_attn_scalar=60, sliding_window=13, attn_logit_softcapping=2.0),
    "gemma2-uncapped": Gemma2Config(**SIZES, head_dim=8, query_pre_attn_scalar=8, sliding_window=256,
                                    attn_logit_softcapping=None, final_logit_softcapping=None,
                                    hidden_activation="gelu"),
    "gemma3": Gemma3TextConfig(
        **{**SIZES, "num_hidden_layers": 4, "num_key_value_heads": 1}, head_dim=16, query_pre_attn_scalar=20,
        sliding_window=12, layer_types=["sliding_attention", "sliding_attention", "full_attention",
                                        "sliding_attention"],
        rope_parameters={"full_attention": dict(rope_type="linear", factor=8.0, rope_theta=1e6),
                         "sliding_attention": dict(rope_type="default", rope_theta=1e4)}),
    "phi3": Phi3Config(**SIZES, original_max_position_embeddings=32, rope_parameters=LONGROPE),
    "phi3-window": Phi3Config(**SIZES, sliding_window=14, tie_word_embeddings=True),
    "phi3-partial": Phi3Config(**SIZES, original_max_position_embeddings=32, rope_parameters=HALF_LONGROPE),
    "smollm3": SmolLM3Config(**DEEP, no_rope_layers=[1, 0, 1], mlp_bias=True),
    "smollm3-window": SmolLM3Config(**DEEP, no_rope_layer_interval=2, use_sliding_window=True, sliding_window=12,
                                    attention_bias=True),
    "granite": GraniteConfig(**SIZES, embedding_multiplier=3.0, logits_scaling=1.7, residual_multiplier=0.6,
                             attention_multiplier=0.3, tie_word_embeddings=True),
    "granite-bias": GraniteConfig(**SIZES, attention_bias=True, mlp_bias=True, residual_multiplier=0.22),
}

THETA = {"rope_theta": 10000.0}
# What releases before 5 wrote for the same model: keys to put in place of `rope_parameters` and some others.
OLD = {
    "llama-yarn": dict(THETA, rope_scaling=dict(type="yarn", factor=4.0, original_max_position_embeddings=64)),
    "llama-dynamic": dict(THETA, rope_scaling=dict(type="dynamic", factor=2.0)),
    "mistral-window": THETA,
    "qwen2-window": dict(THETA, layer_types=None),
    "qwen3": dict(THETA, rope_scaling=None, layer_types=None),
    "gemma": dict(THETA, hidden_act="gelu", hidden_activation=None),
    "gemma2": dict(THETA, layer_types=None, hidden_act="gelu_pytorch_tanh", cache_implementation="hybrid"),
    "gemma3": dict(rope_theta=1e6, rope_local_base_freq=1e4, rope_scaling=dict(rope_type="linear", factor=8.0),
                   layer_types=None, sliding_window_pattern=3),
    "phi3": dict(THETA, rope_scaling=dict(type="longrope", short_factor=LONGROPE["short_factor"],
                                          long_factor=LONGROPE["long_factor"])),
    "phi3-window": dict(THETA, rope_scaling=None, head_dim=None),
    "phi3-partial": dict(THETA, partial_rotary_factor=0.5,
                         rope_scaling=dict(type="longrope", short_factor=HALF_LONGROPE["short_factor"],
                                           long_factor=HALF_LONGROPE["long_factor"])),
    "smollm3": dict(rope_theta=2000000.0, layer_types=None),
    "granite": dict(THETA, rope_scaling=None),
}


def random_model(config):
    torch.manual_seed(SEED)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager")
    gemma = config.model_type.startswith("gemma")
    with torch.no_grad():
        for name, parameter in model.named_parameters():  # also biases and norms, which start at 0 and 1
            centre = 1.0 if "norm" in name and not gemma else 0.0
            parameter.copy_(torch.randn_like(parameter) * 0.2 + centre)
    return model.eval()


def load(folder, dtype=torch.float32):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="eager").eval()


def old_config(folder, changes):
    config = json.loads((folder / "config.json").read_text())
    config.pop("rope_parameters")
    config["torch_dtype"] = config.pop("dtype")
    config.update(changes)
    return {key: value for key, value in config.items() if value is not None or key in ("rope_scaling", "hidden_activation")}


def greedy(model, prompt):
    """transformers' own generation, checked against the same without a cache."""
    ids = model.generate(prompt[None], attention_mask=torch.ones_like(prompt[None]), max_new_tokens=GENERATED,
                         min_new_tokens=GENERATED, do_sample=False)[0]
    again = prompt
    for _ in range(GENERATED):
        logits = model(input_ids=again[None], use_cache=False).logits[0, -1]
        logits[model.config.eos_token_id] = -torch.inf
        best = logits.topk(2).values
        if best[0] - best[1] < 1e-3:
            break  # too close a choice to ask for
        again = torch.cat([again, logits.argmax()[None]])
    made = again[len(prompt):]
    if model.config.model_type != "phi3":
        assert torch.equal(made, ids[len(prompt):][:len(made)])
    return made


def write_checkpoint(name, config, folder):
    shutil.rmtree(folder, ignore_errors=True)
    random_model(config).save_pretrained(folder)
    common.clean_folder(folder, {"config.json", "model.safetensors"})
    model = load(folder)
    torch.manual_seed(SEED + 1)
    ids = torch.randint(3, config.vocab_size, (2, 80))
    with torch.no_grad():
        logits = model(input_ids=ids).logits
        short = model(input_ids=ids[:, :SHORT]).logits[:, -1]
        made = greedy(model, ids[0, :PROMPT])
        bfloat16 = load(folder, torch.bfloat16)(input_ids=ids).logits
    if name in OLD:
        old = old_config(folder, OLD[name])
        with tempfile.TemporaryDirectory() as directory:
            shutil.copy(folder / "model.safetensors", directory)
            (Path(directory) / "config.json").write_text(json.dumps(old))
            with torch.no_grad():
                assert torch.equal(load(directory)(input_ids=ids).logits, logits), name
        (folder / "config-old.json").write_text(json.dumps(old, indent=2) + "\n")
    print(f"{name:16} |logits| {logits.abs().max():.2f}, bfloat16 off by {(bfloat16 - logits).abs().max():.3f}, "
          f"{len(made)} greedy")
    common.save_tensors(
        folder / "logits.safetensors",
        {"ids": ids, "positions": torch.tensor(POSITIONS), "logits": logits[:, POSITIONS], "short": short,
         "greedy": made, "bfloat16": bfloat16[:, POSITIONS]},
        common.metadata(seed=SEED))


def loss_and_gradients(model, ids):
    logits = model(input_ids=ids).logits
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1))
    loss.backward()
    found = {name.replace(".default", ""): p.grad for name, p in model.named_parameters() if p.requires_grad}
    assert found and all(g is not None and g.abs().max() > 0 for g in found.values())
    return loss.detach().reshape(1), logits.detach(), found


def write_adapter(base, folder, ids):
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(SEED + 2)
    config = peft.LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
    model = peft.get_peft_model(load(base), config, autocast_adapter_dtype=False)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0.0, 0.1)
    for entry in model.peft_config.values():
        entry.base_model_name_or_path = base.name
    model.save_pretrained(folder)
    common.clean_folder(folder, {"adapter_config.json", "adapter_model.safetensors"})
    loss, logits, gradients = loss_and_gradients(model, ids)
    common.save_tensors(folder / "gradients.safetensors", {"loss": loss, "logits": logits[:, POSITIONS], **gradients},
                        common.metadata(seed=SEED))
    return len(gradients)


def write_full(base, file, ids):
    model = load(base).train()
    loss, _, gradients = loss_and_gradients(model, ids)
    tensors = {"loss": loss}
    for name, gradient in gradients.items():
        tensors[name] = gradient if gradient.dim() == 1 else gradient[::8]
        tensors[name + ".norm"] = gradient.double().norm().float().reshape(1)
    common.save_tensors(file, tensors, common.metadata(seed=SEED))


def write_with_images(folder):
    shutil.rmtree(folder, ignore_errors=True)
    text = {**FAMILIES["gemma3"].to_dict(), "num_hidden_layers": 2, "layer_types": ["sliding_attention", "full_attention"]}
    vision = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28,
                  patch_size=14)
    config = Gemma3Config(text_config=text, vision_config=vision, image_token_index=71, boi_token_index=69,
                          eoi_token_index=70, mm_tokens_per_image=4)
    torch.manual_seed(SEED)
    model = Gemma3ForConditionalGeneration(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.2)
        ids = torch.randint(3, 69, (2, 40))
        logits = model(input_ids=ids).logits
    model.save_pretrained(folder)
    common.clean_folder(folder, {"config.json", "model.safetensors"})
    common.save_tensors(folder / "logits.safetensors", {"ids": ids, "logits": logits}, common.metadata(seed=SEED))


def main():
    torch.set_num_threads(1)
    common.transformers.logging.disable_progress_bar()
    common.transformers.logging.set_verbosity_error()
    full = common.golden_folder("finetune") / "families"
    full.mkdir(exist_ok=True)
    for name in KEPT + list(FAMILIES):
        folder = common.golden_folder("model") / "families" / name
        if name in FAMILIES:
            write_checkpoint(name, FAMILIES[name], folder)
        ids = common.safetensors.torch.load_file(folder / "logits.safetensors")["ids"]
        adapted = write_adapter(folder, common.golden_folder("lora") / "families" / name, ids)
        write_full(folder, full / f"{name}.safetensors", ids)
        print(f"{name:16} {adapted} adapter gradients")
    write_with_images(common.golden_folder("model") / "gemma3-images")


main()
