package dev.fettle.quantize;

import dev.fettle.tensor.DType;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// How to quantize a checkpoint.
///
/// @param scheme the number format of the linear layers
/// @param computeDtype dtype the model should compute in, recorded in `config.json`; null is
///   float32 for float32 weights and bfloat16 for 16-bit ones
/// @param skipModules names of modules to leave as they are: a full path, or its last part such as
///   `down_proj`. Embeddings, norms and the output head are never quantized.
/// @param overwrite whether an output folder that already holds a model is replaced
public record QuantizeOptions(
    Scheme scheme, @Nullable DType computeDtype, List<String> skipModules, boolean overwrite) {
  public QuantizeOptions(Scheme scheme, @Nullable DType computeDtype, List<String> skipModules) {
    this(scheme, computeDtype, skipModules, false);
  }
}
