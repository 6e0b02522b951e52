package dev.fettle.model;

import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import org.jspecify.annotations.Nullable;

/// How to load a checkpoint.
///
/// @param computeDtype float32 or bfloat16; null takes that of the checkpoint (its quantization's
///   compute dtype if it has one, bfloat16 for float16 weights)
/// @param quantizeOnLoad quantizes the linear layers of the blocks while loading; those that are
///   stored quantized already stay as they are
/// @param trainable every weight becomes a {@link Parameter}, for full fine-tuning
public record LoadOptions(
    @Nullable DType computeDtype, @Nullable Scheme quantizeOnLoad, boolean trainable) {

  /// As stored, frozen, in the checkpoint's own dtype.
  public static LoadOptions defaults() {
    return new LoadOptions(null, null, false);
  }

  public LoadOptions withComputeDtype(@Nullable DType dtype) {
    return new LoadOptions(dtype, quantizeOnLoad, trainable);
  }

  public LoadOptions withQuantizeOnLoad(@Nullable Scheme scheme) {
    return new LoadOptions(computeDtype, scheme, trainable);
  }

  public LoadOptions withTrainable(boolean all) {
    return new LoadOptions(computeDtype, quantizeOnLoad, all);
  }
}
