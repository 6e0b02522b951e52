package dev.fettle.cli;

import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.UserException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// How linear layers are quantized; the names of transformers' `BitsAndBytesConfig`.
final class SchemeOptions {
  private static final int DEFAULT_BLOCK_SIZE = 64;

  @Option(
      names = "--quant-type",
      paramLabel = "nf4",
      description = "4-bit format of the linear layers: nf4.")
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
      description = "8-bit integers, symmetric, one scale per output channel.")
  boolean loadIn8bit;

  /// The scheme the options name, or null if they name none.
  ///
  /// @throws UserException if they contradict each other
  @Nullable Scheme scheme() {
    boolean fourBit = loadIn4bit || quantType != null;
    if (quantType != null && !quantType.equals("nf4")) {
      throw new UserException("--quant-type is nf4, not '" + quantType + "'.");
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
    return fourBit
        ? new Scheme.Nf4(blockSize == null ? DEFAULT_BLOCK_SIZE : blockSize, doubleQuant)
        : null;
  }
}
