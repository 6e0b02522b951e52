package dev.fettle.quantize;

/// ggml's block formats. Blocks are whole: the length of a row is a multiple of `blockSize()`. All
/// numbers are little-endian. Source: ggml, `src/ggml-common.h`.
///
/// | type | weight | a block's bytes |
/// |---|---|---|
/// | Q8_0 | d·q | f16 d; 32 int8 q |
/// | Q4_0 | d·(q-8) | f16 d; 16 bytes, element j low in byte j, element j+16 high |
/// | Q4_1 | d·q + m | f16 d, m; 16 bytes as Q4_0 |
/// | Q5_0 | d·(q-16) | f16 d; 32 fifth bits; 16 bytes as Q4_0 |
/// | Q5_1 | d·q + m | f16 d, m; 32 fifth bits; 16 bytes as Q4_0 |
/// | Q4_K | d·s·q - dmin·m | f16 d, dmin; 8 × 6-bit s and m; 128 bytes of q |
/// | Q5_K | d·s·q - dmin·m | as Q4_K with 32 bytes of fifth bits before the q |
/// | Q6_K | d·s·(q-32) | 128 bytes of low bits; 64 of high bits; 16 int8 s; f16 d |
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

  /// Bytes of `count` numbers, a multiple of the block size.
  public long bytes(long count) {
    return count / blockSize * blockBytes;
  }

  /// As in a scheme, such as `q4_k`.
  public String text() {
    return name().toLowerCase(java.util.Locale.ROOT);
  }
}
