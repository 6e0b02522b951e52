package dev.fettle.checkpoint.gguf;

import dev.fettle.tensor.Shape;

/// One tensor of a GGUF file.
///
/// @param name such as `blk.0.attn_q.weight`
/// @param shape dimensions as PyTorch orders them, outermost first; the file has them reversed
/// @param type what its bytes are; rows are whole blocks of it
public record GgufTensorInfo(String name, Shape shape, GgufTensorType type) {
  public GgufTensorInfo {
    if (!type.fits(shape)) {
      throw new IllegalArgumentException(
          "tensor '%s' %s has no whole blocks of %s".formatted(name, shape, type));
    }
  }

  /// Size of the data in bytes, without padding.
  public long bytes() {
    return type.bytes(shape);
  }
}
