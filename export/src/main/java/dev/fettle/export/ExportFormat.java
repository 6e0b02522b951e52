package dev.fettle.export;

import dev.fettle.tensor.UserException;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/// Whose files are written.
public enum ExportFormat {
  /// A plain model folder of transformers: float32, float16 or bfloat16.
  SAFETENSORS(false),
  /// A model folder with bitsandbytes' 4-bit codes or LLM.int8.
  BITSANDBYTES(false),
  /// A model folder of compressed-tensors, as vLLM reads it.
  COMPRESSED_TENSORS(false),
  /// A GPTQ folder whose zero points are stored less one, as AutoGPTQ wrote it.
  GPTQ(false),
  /// A GPTQ folder with zero points as they are.
  GPTQ_V2(false),
  /// An AWQ folder in the GEMM layout of AutoAWQ.
  AWQ(false),
  /// One GGUF file, as llama.cpp reads it.
  GGUF(false),
  /// A PEFT adapter folder.
  PEFT(true),
  /// An adapter in one GGUF file, as llama.cpp reads it.
  GGUF_LORA(true);

  private final boolean adapter;

  ExportFormat(boolean adapter) {
    this.adapter = adapter;
  }

  /// Whether it holds an adapter and no model.
  public boolean isAdapter() {
    return adapter;
  }

  /// As on the command line, such as `compressed-tensors`.
  public String text() {
    return this == GPTQ_V2 ? "gptq_v2" : name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /// @throws UserException if there is no such format
  public static ExportFormat parse(String text) {
    String wanted = text.strip().toLowerCase(Locale.ROOT);
    for (ExportFormat format : values()) {
      if (format.text().equals(wanted) || format.text().equals(wanted.replace('_', '-'))) {
        return format;
      }
    }
    throw new UserException(
        "Format '%s' is not known; choose one of %s."
            .formatted(
                text,
                Arrays.stream(values()).map(ExportFormat::text).collect(Collectors.joining(", "))));
  }
}
