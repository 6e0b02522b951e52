"""calibrate/.../golden/imatrix.gguf: what goes into the linear layers of the demo's model, as an importance matrix.

Sums of squares by transformers (hooks before each linear layer, float32, added in float64) over ids
(37·i + 11) mod 1024, three rows of 48; written by gguf-py as llama-imatrix lays its files out. Layers 0 and 3 only.
Run with --model demo/src/main/resources/dev/fettle/demo/model.
"""

import argparse
from pathlib import Path

import gguf
import numpy
import torch
from transformers import AutoModelForCausalLM

NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
ROWS, LENGTH = 3, 48


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(parser.parse_args().model, dtype=torch.float32).eval()
    sums = {}
    for path, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and path.startswith("model.layers."):
            def hook(_, inputs, path=path):
                square = inputs[0].double().pow(2).flatten(0, -2).sum(0)
                sums[path] = sums.get(path, 0) + square
            module.register_forward_pre_hook(hook)
    ids = (37 * torch.arange(ROWS * LENGTH) + 11) % 1024
    with torch.no_grad():
        model(ids.view(ROWS, LENGTH))

    golden = Path(__file__).resolve().parents[2] / "calibrate/src/test/resources/golden/imatrix.gguf"
    writer = gguf.GGUFWriter(golden, "none")
    writer.kv_data[0].clear()  # llama-imatrix names no architecture
    writer.add_string("general.type", "imatrix")
    writer.add_array("imatrix.datasets", ["ids"])
    writer.add_uint32("imatrix.chunk_count", ROWS)
    writer.add_uint32("imatrix.chunk_size", LENGTH)
    for path, values in sums.items():
        _, _, layer, module = path.split(".", 3)
        if layer in ("0", "3"):
            name = f"blk.{layer}.{NAMES[module]}.weight"
            writer.add_tensor(name + ".in_sum2", values.float().numpy())
            writer.add_tensor(name + ".counts", numpy.array([ROWS * LENGTH], numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


main()
