package dev.fettle.quantize.ggml;

import dev.fettle.checkpoint.GgufCheckpoint;
import dev.fettle.checkpoint.gguf.GgufTensorInfo;
import dev.fettle.checkpoint.gguf.GgufTensorType;
import dev.fettle.quantize.GgmlTensor;
import dev.fettle.quantize.GgmlType;
import dev.fettle.quantize.QuantizedTensor;
import dev.fettle.quantize.QuantizedWeights;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The weights of a GGUF file that are in blocks; embedding and output head may be among them.
public final class GgufWeights implements QuantizedWeights {
  private final GgufCheckpoint checkpoint;

  public GgufWeights(GgufCheckpoint checkpoint) {
    this.checkpoint = checkpoint;
  }

  @Override
  public boolean isQuantized(String weightName) {
    return checkpoint.blocks(weightName) != null;
  }

  @Override
  public QuantizedTensor read(String weightName, Shape demanded) {
    @Nullable GgufTensorInfo blocks = checkpoint.blocks(weightName);
    if (blocks == null) {
      throw new IllegalArgumentException(weightName + " is not in blocks");
    }
    if (!blocks.shape().equals(demanded)) {
      throw new UserException(
          "Quantized tensor '%s' in %s has shape %s, but its metadata demands %s."
              .formatted(blocks.name(), checkpoint.path(), blocks.shape(), demanded));
    }
    return new GgmlTensor(demanded, DType.F32, type(blocks), checkpoint.tensor(weightName).data());
  }

  private GgmlType type(GgufTensorInfo blocks) {
    @Nullable GgmlType type = type(blocks.type());
    if (type == null) {
      throw new UserException(
          "Tensor '%s' in %s is in blocks of %s, which cannot be computed with yet; requantize the model with llama.cpp's llama-quantize to one of %s."
              .formatted(
                  blocks.name(),
                  checkpoint.path(),
                  blocks.type(),
                  Arrays.stream(GgmlType.values())
                      .map(Enum::name)
                      .collect(Collectors.joining(", "))));
    }
    return type;
  }

  /// The blocks of a type in GGUF, or null if it is plain numbers or not known here.
  public static @Nullable GgmlType type(GgufTensorType type) {
    return Arrays.stream(GgmlType.values())
        .filter(each -> each.name().equals(type.name()))
        .findAny()
        .orElse(null);
  }

  /// The type in GGUF of these blocks.
  public static GgufTensorType type(GgmlType type) {
    return GgufTensorType.valueOf(type.name());
  }

  @Override
  public List<String> parts(String weightName) {
    return List.of(weightName);
  }
}
