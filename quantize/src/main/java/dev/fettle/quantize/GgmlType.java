package dev.fettle.quantize;

/// ggml's block formats. Source: ggml, `src/ggml-common.h`.
public enum GgmlType {
  Q4_0(32, 18),
  Q4_1(32, 20),
  Q5_0(32, 22),
  Q5_1(32, 24),
  Q8_0(32, 34),
  Q4_K(256, 144),
  Q5_K(256, 176),
  Q6_K(256, 210);

  private final int blockSize;
  private final int blockBytes;

  GgmlType(int blockSize, int blockBytes) {
    this.blockSize = blockSize;
    this.blockBytes = blockBytes;
  }

  /// Numbers per block; rows must be a multiple of it.
  public int blockSize() {
    return blockSize;
  }

  /// Bytes per block, scales included.
  public int blockBytes() {
    return blockBytes;
  }

  /// As in a scheme, such as `q4_k`.
  public String text() {
    return name().toLowerCase(java.util.Locale.ROOT);
  }
}
