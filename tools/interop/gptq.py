"""Has GPT-QModel quantize a model and write it."""

import subjects
from gptqmodel import BACKEND, GPTQModel, QuantizeConfig


def write(source, output, ids, **settings):
    config = QuantizeConfig(bits=4, pack_impl="original", offload_to_disk=False, **settings)
    model = GPTQModel.load(str(source), config, device="cpu", backend=BACKEND.TORCH)
    model.quantize([{"input_ids": row, "attention_mask": [1] * len(row)} for row in ids], batch_size=1)
    model.save(str(output))
    subjects.copy_tokenizer(output)
