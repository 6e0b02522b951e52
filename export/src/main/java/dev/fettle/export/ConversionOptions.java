package dev.fettle.export;

import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// What to convert a model into.
///
/// @param format whose files to write; not an adapter's
/// @param scheme number format of the linear layers in a model folder; null takes over the integers
///   that are there
/// @param like a model whose number formats are taken, layer by layer; null takes `scheme`
/// @param dtype F32, F16 or BF16 of everything that is not quantized, and of scales; null keeps
///   each tensor's own
/// @param outtype what a GGUF file is made of, such as `q4_k_m`; null keeps the types that are
///   there
/// @param imatrix importance of the weights for a GGUF file, or null
/// @param weightsOnly whether it is right that the target does not say how inputs are quantized
public record ConversionOptions(
    ExportFormat format,
    @Nullable Scheme scheme,
    @Nullable Path like,
    @Nullable DType dtype,
    @Nullable String outtype,
    @Nullable Path imatrix,
    boolean weightsOnly) {
  public ConversionOptions {
    if (format.isAdapter()) {
      throw new IllegalArgumentException(format + " holds no model");
    }
  }

  /// Everything as it is in the source, as far as the format can hold it.
  public static ConversionOptions of(ExportFormat format) {
    return new ConversionOptions(format, null, null, null, null, null, false);
  }

  public ConversionOptions withScheme(@Nullable Scheme wanted) {
    return new ConversionOptions(format, wanted, like, dtype, outtype, imatrix, weightsOnly);
  }

  public ConversionOptions withLike(@Nullable Path model) {
    return new ConversionOptions(format, scheme, model, dtype, outtype, imatrix, weightsOnly);
  }

  public ConversionOptions withDtype(@Nullable DType wanted) {
    return new ConversionOptions(format, scheme, like, wanted, outtype, imatrix, weightsOnly);
  }

  /// @param type of a GGUF file
  /// @param importance see `imatrix`
  public ConversionOptions withOuttype(@Nullable String type, @Nullable Path importance) {
    return new ConversionOptions(format, scheme, like, dtype, type, importance, weightsOnly);
  }

  public ConversionOptions withWeightsOnly(boolean only) {
    return new ConversionOptions(format, scheme, like, dtype, outtype, imatrix, only);
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
