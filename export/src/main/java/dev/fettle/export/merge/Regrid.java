package dev.fettle.export.merge;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.CheckpointFolder;
import dev.fettle.checkpoint.GgufCheckpoint;
import dev.fettle.export.ConversionOptions;
import dev.fettle.export.ExportFormat;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// Finds the files that a merged model is rounded into: those of its base, or the usual ones of a
/// scheme.
final class Regrid {
  private Regrid() {}

  /// @throws UserException if the base has no grid and none was named
  static ConversionOptions options(Path base, MergeTarget.Requantized target) {
    Scheme scheme = target.scheme();
    if (scheme != null) {
      return ConversionOptions.of(usual(scheme)).withScheme(scheme);
    }
    return ConversionOptions.of(formatOf(base)).withLike(base);
  }

  private static ExportFormat usual(Scheme scheme) {
    return switch (scheme) {
      case Scheme.Nf4 nf4 -> ExportFormat.BITSANDBYTES;
      case Scheme.Fp4 fp4 -> ExportFormat.BITSANDBYTES;
      case Scheme.LlmInt8 int8 -> ExportFormat.BITSANDBYTES;
      case Scheme.Affine affine -> ExportFormat.COMPRESSED_TENSORS;
      case Scheme.Float8 float8 -> ExportFormat.COMPRESSED_TENSORS;
      case Scheme.Mxfp4 mxfp4 -> ExportFormat.COMPRESSED_TENSORS;
      case Scheme.Nvfp4 nvfp4 -> ExportFormat.COMPRESSED_TENSORS;
      case Scheme.Ggml ggml ->
          throw new UserException(
              "Scheme %s belongs to GGUF files; merge into 16 bits first, then 'fettle convert --outtype %s'."
                  .formatted(ggml, ggml));
      case Scheme.Cast cast ->
          throw new UserException(
              "Scheme %s is no grid; choose the dtype of a merged model with --dtype."
                  .formatted(cast));
    };
  }

  private static ExportFormat formatOf(Path base) {
    try (Checkpoint checkpoint = Checkpoint.open(base)) {
      return switch (checkpoint) {
        case GgufCheckpoint gguf -> ExportFormat.GGUF;
        case CheckpointFolder folder -> formatOf(base, folder.quantizationConfig());
      };
    }
  }

  private static ExportFormat formatOf(Path base, @Nullable ObjectNode quantization) {
    if (quantization == null) {
      throw new UserException(
          "Model %s is not quantized, so it has no grid of its own; name one, as in --requantize int4:sym:group=32."
              .formatted(base));
    }
    String method = quantization.path("quant_method").asString("bitsandbytes");
    boolean second =
        quantization
            .path("checkpoint_format")
            .asString(quantization.path("format").asString(""))
            .equals("gptq_v2");
    return method.equals("gptq") && second ? ExportFormat.GPTQ_V2 : ExportFormat.parse(method);
  }
}
