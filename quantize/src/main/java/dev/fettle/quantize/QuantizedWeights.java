package dev.fettle.quantize;

import dev.fettle.checkpoint.CheckpointFolder;
import dev.fettle.checkpoint.LinearModule;
import dev.fettle.quantize.bitsandbytes.BitsAndBytesLayout;
import dev.fettle.quantize.compressedtensors.CompressedTensorsConfig;
import dev.fettle.quantize.compressedtensors.CompressedTensorsReader;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The quantized layers of a model folder, whichever tool's layout they are in.
public final class QuantizedWeights {
  private final CheckpointFolder folder;
  private final @Nullable CompressedTensorsReader compressedTensors;

  private QuantizedWeights(CheckpointFolder folder) {
    this.folder = folder;
    this.compressedTensors =
        CompressedTensorsConfig.isOf(folder.quantizationConfig())
            ? new CompressedTensorsReader(folder)
            : null;
  }

  /// @throws UserException if the folder's `quantization_config` is malformed or not supported
  public static QuantizedWeights of(CheckpointFolder folder) {
    return new QuantizedWeights(folder);
  }

  /// Whether this weight is stored quantized.
  ///
  /// @param weightName such as `model.layers.0.mlp.up_proj.weight`
  public boolean isQuantized(String weightName) {
    return compressedTensors == null
        ? BitsAndBytesLayout.isQuantized(folder, weightName)
        : weightName.endsWith(".weight") && compressedTensors.isQuantized(module(weightName));
  }

  /// The weight, as views of the folder's files where possible.
  ///
  /// @param module a layer for which [#isQuantized] holds
  /// @throws UserException if a tensor is missing, or has another dtype, shape or meaning than its
  ///   layout demands
  public QuantizedTensor read(LinearModule module) {
    return read(module.weightName(), module.weightShape());
  }

  /// As the other `read`, with the shape that the architecture demands.
  public QuantizedTensor read(String weightName, Shape demanded) {
    if (compressedTensors != null) {
      return compressedTensors.read(module(weightName), demanded);
    }
    QuantizedTensor stored = BitsAndBytesLayout.read(folder, weightName);
    if (!stored.shape().equals(demanded)) {
      throw new UserException(
          "Quantized tensor '%s' in %s has shape %s, but config.json demands %s."
              .formatted(weightName, folder.path(), stored.shape(), demanded));
    }
    return stored;
  }

  /// The names of the tensors that belong to this quantized weight, scales and all.
  public List<String> parts(String weightName) {
    return compressedTensors == null
        ? BitsAndBytesLayout.parts(folder, weightName)
        : compressedTensors.parts(module(weightName));
  }

  /// How the input of this layer is quantized, or null if it is not.
  public @Nullable ActivationQuantization activations(LinearModule module) {
    return compressedTensors == null ? null : compressedTensors.activations(module.name());
  }

  /// Calibrated parameters of a layer whose activations are static.
  ///
  /// @throws UserException if they are missing or malformed
  public AffineParameters inputParameters(LinearModule module) {
    if (compressedTensors == null) {
      throw new IllegalArgumentException(module.name() + " has no static activations");
    }
    return compressedTensors.inputParameters(module.name());
  }

  private static String module(String weightName) {
    return weightName.substring(0, weightName.length() - ".weight".length());
  }
}
