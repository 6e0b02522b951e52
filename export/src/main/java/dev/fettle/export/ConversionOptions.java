package dev.fettle.export;

import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import org.jspecify.annotations.Nullable;

/// What to convert a model into.
///
/// @param format whose files to write; not an adapter's
/// @param scheme number format of the linear layers in a model folder; null takes over the integers
///   that are there
/// @param dtype F32, F16 or BF16 of everything that is not quantized, and of scales; null keeps
///   each tensor's own
public record ConversionOptions(
    ExportFormat format, @Nullable Scheme scheme, @Nullable DType dtype) {
  public ConversionOptions {
    if (format.isAdapter()) {
      throw new IllegalArgumentException(format + " holds no model");
    }
  }

  /// A scheme that the format holds.
  static String suggestion(ExportFormat format) {
    return switch (format) {
      case BITSANDBYTES -> "nf4:group=64";
      case COMPRESSED_TENSORS, GPTQ -> "int4:sym:group=128";
      case GPTQ_V2, AWQ -> "int4:asym:group=128";
      case SAFETENSORS, GGUF, PEFT, GGUF_LORA -> throw new IllegalArgumentException(format.text());
    };
  }
}
