package dev.fettle.cli;

import dev.fettle.export.ConversionOptions;
import dev.fettle.export.ExportFormat;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Which model goes into which files.
final class ConversionArguments {
  @Option(
      names = "--model",
      required = true,
      paramLabel = "MODEL",
      description = "Model folder of any layout, or a GGUF file.")
  Path model = Path.of("");

  @Option(
      names = "--output",
      required = true,
      paramLabel = "PATH",
      description = "Folder or GGUF file to make; must not exist.")
  Path output = Path.of("");

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      description =
          "Whose files: safetensors, bitsandbytes, compressed-tensors, gptq, gptq_v2, awq or gguf; of an"
              + " adapter: peft or gguf-lora (default: gguf where --output ends in .gguf).")
  @Nullable String format;

  @Mixin SchemeOptions schemes = new SchemeOptions();

  @Option(
      names = "--dtype",
      paramLabel = "DTYPE",
      description =
          "float32, float16 or bfloat16 for weights that are not quantized, and for scales (default: each"
              + " tensor's own; float32 for those packed in a GGUF file).")
  @Nullable String dtype;

  @Option(
      names = {"--outtype", "--type"},
      paramLabel = "TYPE",
      description =
          "What a GGUF file is made of, as llama.cpp names it: f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1,"
              + " q2_k, q3_k_m, q4_k_m, q5_k_m, q6_k, iq4_nl, iq4_xs, … (default: the types that are there).")
  @Nullable String outtype;

  @Option(
      names = "--imatrix",
      paramLabel = "FILE",
      description = "Importance of the weights for a GGUF file, from fettle calibrate --imatrix.")
  @Nullable Path imatrix;

  @Option(
      names = "--weights-only",
      description =
          "Leave out how the inputs of layers are quantized, where the format cannot carry it.")
  boolean weightsOnly;

  /// @throws UserException if options contradict each other
  ExportFormat format() {
    if (format != null) {
      return ExportFormat.parse(format);
    }
    if (output.toString().toLowerCase(Locale.ROOT).endsWith(".gguf")) {
      return ExportFormat.GGUF;
    }
    throw new UserException(
        "Say whose files to write: --format safetensors, bitsandbytes, compressed-tensors, gptq, gptq_v2, awq or gguf.");
  }

  ConversionOptions options(ExportFormat wanted) {
    if (wanted != ExportFormat.GGUF && (outtype != null || imatrix != null)) {
      throw new UserException(
          "--outtype and --imatrix are for --format gguf; the format of a model folder is --scheme.");
    }
    if (wanted == ExportFormat.GGUF && schemes.scheme() != null) {
      throw new UserException("The types of a GGUF file are chosen with --outtype, not --scheme.");
    }
    return ConversionOptions.of(wanted)
        .withScheme(schemes.scheme())
        .withDtype(dtype == null ? null : DType.parse(dtype))
        .withOuttype(outtype, imatrix)
        .withWeightsOnly(weightsOnly);
  }
}
