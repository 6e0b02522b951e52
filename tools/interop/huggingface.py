"""Loads model folders and adapters with transformers, PEFT, bitsandbytes, compressed-tensors and GPT-QModel, on the CPU
in float32, and has them write such folders."""

import json
from pathlib import Path

import bitsandbytes
import peft
import safetensors.torch
import torch
import transformers
from transformers import AutoModelForCausalLM, AwqConfig, GPTQConfig

torch.set_num_threads(1)
transformers.logging.disable_progress_bar()
transformers.logging.set_verbosity_error()


# Kernels that are neither compiled on the spot nor made for one processor.
PLAIN_KERNELS = {
    "gptq": {"quantization_config": GPTQConfig(bits=4, backend="torch")},
    "awq": {"quantization_config": AwqConfig(bits=4, backend="torch_awq")},
}


def quantization_method(folder):
    return json.loads((Path(folder) / "config.json").read_text()).get("quantization_config", {}).get("quant_method")


def load(folder, adapter=None, dtype=torch.float32):
    """The model, computing in float32; fails if a tensor is missing, unexpected or of another shape.

    dtype: what weights are unpacked to, for formats that the tool cannot unpack to float32.
    """
    kernel = PLAIN_KERNELS.get(quantization_method(folder), {})
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation="eager", device_map="cpu", output_loading_info=True, **kernel)
    problems = {key: value for key, value in info.items() if value}
    if problems:
        raise ValueError(f"loading reported {problems}")
    if adapter is not None:
        model = peft.PeftModel.from_pretrained(model, adapter)
        stored = set(safetensors.torch.load_file(adapter / "adapter_model.safetensors"))
        expected = set(peft.get_peft_model_state_dict(model, save_embedding_layers="auto"))
        if stored != expected:
            raise ValueError(f"PEFT expects other tensors: not in the file {expected - stored}, unknown {stored - expected}")
    for module in model.modules():
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            # Not in bfloat16, neither by the file's wish nor by the kernel for processors that have such products.
            module.compute_dtype, module.compute_type_is_set = torch.float32, True
            module.support_avx512bf16_for_cpu = False
            module.weight.quant_state.dtype = torch.float32
    if dtype is not torch.float32:
        logits(model, [[0]])  # compressed-tensors unpacks when the model first computes
    return torch.nn.Module.float(model).eval()


def logits(model, ids):
    with torch.no_grad():
        result = model(input_ids=torch.tensor(ids)).logits
    return result.float().reshape(-1, result.shape[-1])


def weights(model):
    """The packed weights as the tool unpacks them, float32, by name."""
    found = {}
    for name, module in model.named_modules():
        weight = weight_of(module)
        if weight is not None:
            name = name.removeprefix("base_model.model.").removesuffix(".base_layer")  # as PEFT wraps it
            found[name + ".weight"] = weight.float()
    return found


def weight_of(module):
    if isinstance(module, bitsandbytes.nn.Linear4bit):
        return bitsandbytes.functional.dequantize_4bit(module.weight.data, module.weight.quant_state)
    if isinstance(module, bitsandbytes.nn.Linear8bitLt):  # the state is there once it has computed
        return bitsandbytes.functional.int8_vectorwise_dequant(module.state.CB, module.state.SCB)
    if hasattr(module, "qweight") and "awq" in type(module).__name__.lower():
        from gptqmodel.quantization.awq.utils.packing_utils import dequantize_gemm
        return dequantize_gemm(module.qweight, module.qzeros, module.scales.float(), module.bits, module.group_size).T
    if hasattr(module, "dequantize_weight"):  # GPT-QModel: [in, out]
        return module.dequantize_weight().T
    if hasattr(module, "quantization_scheme"):  # compressed-tensors, unpacked by itself when it first computes
        return module.weight
    return None
