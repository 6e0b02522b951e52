package dev.fettle.export;

import dev.fettle.quantize.UnpackedCheckpoint;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.nio.file.Files;
import java.nio.file.Path;

/// A model from one tool's files into another's.
public final class Conversion {
  private Conversion() {}

  /// One tensor in memory at a time.
  ///
  /// @param source a model folder or GGUF file of any layout
  /// @param output a folder or file that does not exist yet
  /// @throws UserException if the source is no readable model, the format cannot hold it, or the
  ///   output cannot be written; nothing is left at `output` then
  public static ConversionReport run(
      Path source, Path output, ConversionOptions options, ExportListener listener) {
    DType dtype = options.dtype();
    if (dtype != null && dtype != DType.F32 && dtype != DType.F16 && dtype != DType.BF16) {
      throw new UserException(
          "--dtype is float32, float16 or bfloat16, not %s.".formatted(dtype.torchName()));
    }
    try (UnpackedCheckpoint unpacked = UnpackedCheckpoint.open(source, dtype)) {
      if (options.format() != ExportFormat.GGUF) {
        return new FolderConversion(unpacked, options, listener).run(output);
      }
      if (Files.exists(output)) {
        throw new UserException("Output " + output + " already exists; name another or remove it.");
      }
      return GgufExport.write(unpacked, output, GgufTarget.of(unpacked, options), listener);
    }
  }
}
