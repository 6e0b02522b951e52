package dev.fettle.quantize;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.GgufCheckpoint;
import dev.fettle.checkpoint.LinearModule;
import dev.fettle.quantize.awq.AwqConfig;
import dev.fettle.quantize.awq.AwqWeights;
import dev.fettle.quantize.bitsandbytes.BitsAndBytesWeights;
import dev.fettle.quantize.compressedtensors.CompressedTensorsConfig;
import dev.fettle.quantize.compressedtensors.CompressedTensorsReader;
import dev.fettle.quantize.ggml.GgufWeights;
import dev.fettle.quantize.gptq.GptqConfig;
import dev.fettle.quantize.gptq.GptqWeights;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// The quantized weights of a checkpoint, whichever tool's layout they are in.
public interface QuantizedWeights {

  /// Those of an unquantized checkpoint are none.
  ///
  /// @throws UserException if the checkpoint's `quantization_config` is malformed or not supported
  static QuantizedWeights of(Checkpoint checkpoint) {
    if (checkpoint instanceof GgufCheckpoint gguf) {
      return new GgufWeights(gguf);
    }
    ObjectNode config = checkpoint.quantizationConfig();
    if (CompressedTensorsConfig.isOf(config)) {
      return new CompressedTensorsReader(checkpoint);
    }
    if (config != null && GptqConfig.isOf(config)) {
      return new GptqWeights(checkpoint, config);
    }
    if (config != null && AwqConfig.isOf(config)) {
      return new AwqWeights(checkpoint, config);
    }
    String method = config == null ? "" : GptqConfig.method(config);
    if (!method.isEmpty() && !method.equals("bitsandbytes")) {
      throw new UserException(
          "Model %s is quantized by %s, which is not supported; compressed-tensors, gptq, awq and bitsandbytes are."
              .formatted(checkpoint.path(), method));
    }
    return new BitsAndBytesWeights(checkpoint);
  }

  /// Whether this weight is stored quantized.
  ///
  /// @param weightName such as `model.layers.0.mlp.up_proj.weight`
  boolean isQuantized(String weightName);

  /// The weight, as views of the checkpoint's files where possible.
  ///
  /// @param weightName one for which [#isQuantized] holds
  /// @param demanded the shape that the architecture demands
  /// @throws UserException if a tensor is missing, or has another dtype, shape or meaning than its
  ///   layout demands
  QuantizedTensor read(String weightName, Shape demanded);

  /// As the other `read`.
  default QuantizedTensor read(LinearModule module) {
    return read(module.weightName(), module.weightShape());
  }

  /// The format of a weight, without reading its codes where its layout allows that.
  ///
  /// @throws UserException as [#read]
  default PackedForm form(String weightName, Shape demanded) {
    QuantizedTensor weight = read(weightName, demanded);
    return new PackedForm(weight.scheme(), weight.originalDtype());
  }

  /// The dtype of the stored scales of a quantized weight, where it need not be that of the model;
  /// else null.
  default @Nullable DType scaleDtype(String weightName) {
    return null;
  }

  /// The names of the tensors that belong to this quantized weight, scales and all.
  List<String> parts(String weightName);

  /// How the input of this layer is quantized, or null if it is not.
  default @Nullable ActivationQuantization activations(LinearModule module) {
    return null;
  }

  /// Calibrated parameters of a layer whose activations are static.
  ///
  /// @throws UserException if they are missing or malformed
  /// @throws IllegalArgumentException if the layer's activations are not static
  default AffineParameters inputParameters(LinearModule module) {
    throw new IllegalArgumentException(module.name() + " has no static activations");
  }

  /// The layer that a weight belongs to: its name without `.weight`.
  static String module(String weightName) {
    return weightName.endsWith(".weight")
        ? weightName.substring(0, weightName.length() - ".weight".length())
        : weightName;
  }
}
