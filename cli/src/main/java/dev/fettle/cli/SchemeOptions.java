package dev.fettle.cli;

import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.bitsandbytes.BitsAndBytesConfig;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// How linear layers are quantized: any scheme by its text, or the names of transformers'
/// `BitsAndBytesConfig`.
final class SchemeOptions {
  private static final int DEFAULT_BLOCK_SIZE = 64;

  @Option(
      names = "--scheme",
      paramLabel = "SCHEME",
      description =
          "Number format and granularity of the linear layers: int8:sym:channel, int4:asym:group=128,"
              + " uint8:asym:tensor, nf4:group=64:double, fp8_e4m3:channel, mxfp4, llm.int8, bfloat16, …"
              + " (see: fettle explain scheme).")
  @Nullable String schemeText;

  @Option(
      names = "--quant-type",
      paramLabel = "TYPE",
      description = "4-bit format of the linear layers: nf4 or fp4.")
  @Nullable String quantType;

  @Option(names = "--load-in-4bit", description = "The same as --quant-type nf4.")
  boolean loadIn4bit;

  @Option(
      names = "--double-quant",
      description =
          "Quantize the 4-bit format's scales to 8 bits as well (saves 0.37 bits per weight).")
  boolean doubleQuant;

  @Option(
      names = {"--block-size", "--group-size"},
      paramLabel = "N",
      description = "Weights per scale of the 4-bit format (default: 64).")
  @Nullable Integer blockSize;

  @Option(
      names = "--load-in-8bit",
      description =
          "The same as --scheme llm.int8: 8-bit integers, one scale per output channel, outlier columns in"
              + " 16 bits.")
  boolean loadIn8bit;

  @Option(
      names = "--quantization-config",
      paramLabel = JsonOption.LABEL,
      description =
          "transformers' BitsAndBytesConfig: a file that its to_json_file wrote, or the object itself.")
  @Nullable String quantizationConfig;

  /// The configuration as it was given, or null.
  @Nullable BitsAndBytesConfig bitsAndBytes() {
    return bitsAndBytes(quantizationConfig);
  }

  static @Nullable BitsAndBytesConfig bitsAndBytes(@Nullable String value) {
    if (value == null) {
      return null;
    }
    JsonOption option = new JsonOption("--quantization-config", value);
    return BitsAndBytesConfig.parse(option.read(), option.source());
  }

  /// The same, to quantize while a model is loaded.
  ///
  /// @throws UserException if it leaves out single layers
  static @Nullable BitsAndBytesConfig onLoad(@Nullable String value) {
    BitsAndBytesConfig config = bitsAndBytes(value);
    if (config != null && !config.layersToSkip().isEmpty()) {
      throw new UserException(
          "--quantization-config leaves out %s (llm_int8_skip_modules), which is not possible while loading; write the model with 'fettle quantize --quantization-config' first."
              .formatted(String.join(", ", config.layersToSkip())));
    }
    return config;
  }

  /// The dtype to compute in: that of the option, else of the configuration, else null.
  @Nullable DType computeDtype(@Nullable String option) {
    if (option != null) {
      return DType.parse(option);
    }
    BitsAndBytesConfig config = bitsAndBytes();
    return config == null ? null : config.computeDtype();
  }

  /// The scheme the options name, or null if they name none.
  ///
  /// @throws UserException if they contradict each other
  @Nullable Scheme scheme() {
    BitsAndBytesConfig config = bitsAndBytes();
    if (config == null) {
      return ofOptions();
    }
    if (schemeText != null
        || quantType != null
        || loadIn4bit
        || loadIn8bit
        || doubleQuant
        || blockSize != null) {
      throw new UserException(
          "--quantization-config says everything itself; leave out --scheme, --quant-type, --load-in-4bit, --load-in-8bit, --double-quant and --group-size.");
    }
    return config.scheme();
  }

  private @Nullable Scheme ofOptions() {
    boolean fourBit = loadIn4bit || quantType != null;
    if (schemeText != null) {
      if (fourBit || loadIn8bit || doubleQuant || blockSize != null) {
        throw new UserException(
            "--scheme says everything itself; leave out --quant-type, --load-in-4bit, --load-in-8bit, --double-quant and --group-size.");
      }
      return Scheme.parse(schemeText);
    }
    if (quantType != null && !quantType.equals("nf4") && !quantType.equals("fp4")) {
      throw new UserException(
          "--quant-type is nf4 or fp4, not '%s'; other formats are chosen with --scheme."
              .formatted(quantType));
    }
    if (fourBit && loadIn8bit) {
      throw new UserException("--load-in-8bit and a 4-bit format exclude each other; choose one.");
    }
    if (!fourBit && (doubleQuant || blockSize != null)) {
      throw new UserException("--double-quant and --block-size belong to --quant-type nf4.");
    }
    if (loadIn8bit) {
      return new Scheme.LlmInt8();
    }
    int size = blockSize == null ? DEFAULT_BLOCK_SIZE : blockSize;
    if (quantType != null && quantType.equals("fp4")) {
      return new Scheme.Fp4(size, doubleQuant);
    }
    return fourBit ? new Scheme.Nf4(size, doubleQuant) : null;
  }
}
