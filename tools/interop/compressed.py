"""Has compressed-tensors quantize a model, rounding to nearest, and write it as llm-compressor does."""

import torch
from compressed_tensors.compressors import ModelCompressor
from compressed_tensors.quantization import QuantizationArgs, QuantizationConfig, QuantizationScheme, QuantizationStatus, apply_quantization_config
from compressed_tensors.quantization.utils import calculate_qparams
from transformers import AutoModelForCausalLM

import subjects


def write(source, output, weights, inputs):
    scheme = QuantizationScheme(
        targets=["Linear"], weights=QuantizationArgs(**weights), input_activations=None if inputs is None else QuantizationArgs(**inputs))
    config = QuantizationConfig(
        config_groups={"group_0": scheme}, ignore=["lm_head"], quantization_status=QuantizationStatus.FROZEN)
    model = AutoModelForCausalLM.from_pretrained(source, dtype="auto", device_map="cpu")
    apply_quantization_config(model, config)
    with torch.no_grad():
        for module in model.modules():
            if getattr(module, "quantization_scheme", None) is not None:
                low, high = ranges(module.weight, module.quantization_scheme.weights)
                scale, zero = calculate_qparams(low, high, module.quantization_scheme.weights)
                module.weight_scale.copy_(scale)
                if hasattr(module, "weight_zero_point"):
                    module.weight_zero_point.copy_(zero)
                module.quantization_status = QuantizationStatus.FROZEN
    compressor = ModelCompressor.from_pretrained_model(model)
    compressor.compress_model(model)
    model.save_pretrained(output)
    compressor.update_config(output)
    subjects.copy_tokenizer(output)


def ranges(weight, arguments):
    rows, columns = weight.shape
    if arguments.group_size:
        parts = weight.view(rows, columns // arguments.group_size, arguments.group_size)
        return parts.amin(-1), parts.amax(-1)
    return weight.amin(1, keepdim=True), weight.amax(1, keepdim=True)
