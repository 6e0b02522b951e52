"""model/.../golden/families/NAME/: tiny random checkpoints of the accepted families and their float32 logits."""

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig, Qwen2Config

import common

SEED = 41
SIZES = dict(vocab_size=96, hidden_size=32, intermediate_size=56, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=256)
LLAMA3_ROPE = dict(rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                   original_max_position_embeddings=32)
FAMILIES = {
    "llama3": LlamaConfig(**SIZES, rope_parameters=LLAMA3_ROPE, tie_word_embeddings=False),
    "llama-bias": LlamaConfig(**SIZES, attention_bias=True, mlp_bias=True, head_dim=16, tie_word_embeddings=True),
    "llama-linear-rope": LlamaConfig(
        **SIZES, rope_parameters=dict(rope_type="linear", rope_theta=500.0, factor=4.0)),
    "mistral": MistralConfig(**SIZES, sliding_window=None),
    "qwen2": Qwen2Config(**SIZES, tie_word_embeddings=True, use_sliding_window=False),
}


def main():
    common.arguments(__doc__)
    for name, config in FAMILIES.items():
        torch.manual_seed(SEED)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager")
        with torch.no_grad():
            for parameter in model.parameters():  # also biases and norms, which start at 0 and 1
                parameter.copy_(torch.randn_like(parameter) * 0.2 + (1.0 if "norm" in name else 0.0))
            ids = torch.randint(0, config.vocab_size, (2, 80))
            logits = model(input_ids=ids).logits
        folder = common.golden_folder("model") / "families" / name
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        common.save_tensors(folder / "logits.safetensors", {"ids": ids, "logits": logits[:, [0, 40, 79]]},
                            common.metadata(seed=SEED))


main()
