"""model/.../golden/logits.safetensors: logits and greedy ids of stories260K by transformers, float32."""

import torch

import common

POSITIONS = [0, 1, 2, 7, 16, 31, 50, 63]


def main():
    arguments = common.arguments(__doc__)
    model = common.float_model(arguments.model)
    ids = common.blocks(common.tokens(arguments.model, arguments.text.read_text()), 2, 64)
    with torch.no_grad():
        logits = model(input_ids=ids).logits
        exact = common.double_model(arguments.model)(input_ids=ids).logits
        start = torch.tensor([[model.config.bos_token_id]])
        greedy = {
            cache: model.generate(
                start, attention_mask=torch.ones_like(start), max_new_tokens=200, do_sample=False, use_cache=cache)[0]
            for cache in (True, False)
        }
    assert torch.equal(greedy[True], greedy[False])
    expected = (arguments.model / "greedy_200steps_expected.txt").read_text()
    text = common.AutoTokenizer.from_pretrained(arguments.model).decode(greedy[True], skip_special_tokens=True)
    assert text.strip() == expected.strip(), (text, expected)

    difference = (logits.double() - exact).abs().max().item()
    print("float32 against float64 logits, max absolute difference:", difference)
    common.save_tensors(
        common.golden_folder("model") / "logits.safetensors",
        {
            "ids": ids,
            "positions": torch.tensor(POSITIONS),
            "logits": logits[:, POSITIONS],
            "greedy": greedy[True],
        },
        common.metadata(float64_max_abs_difference=difference),
    )


main()
