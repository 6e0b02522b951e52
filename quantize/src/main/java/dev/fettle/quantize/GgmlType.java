package dev.fettle.quantize;

import dev.fettle.checkpoint.gguf.GgufTensorType;
import org.jspecify.annotations.Nullable;

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
/// | Q2_K | d·s·q - dmin·m | 16 × 4-bit s (low) and m; 64 bytes of q; f16 d, dmin |
/// | Q3_K | d·(s-32)·(q-4) | 32 bytes of third bits; 64 of low bits; 16 × 6-bit s; f16 d |
/// | Q4_K | d·s·q - dmin·m | f16 d, dmin; 8 × 6-bit s and m; 128 bytes of q |
/// | Q5_K | d·s·q - dmin·m | as Q4_K with 32 bytes of fifth bits before the q |
/// | Q6_K | d·s·(q-32) | 128 bytes of low bits; 64 of high bits; 16 int8 s; f16 d |
/// | IQ4_NL | d·table[q] | f16 d; 16 bytes as Q4_0 |
/// | IQ4_XS | d·(s-32)·table[q] | f16 d; 8 × 6-bit s; 8 × 16 bytes as Q4_0 |
/// | MXFP4 | 2^(e-127)·E2M1 | 8-bit exponent e; 16 bytes as Q4_0 |
public enum GgmlType {
  Q4_0(32, 18),
  Q4_1(32, 20),
  Q5_0(32, 22),
  Q5_1(32, 24),
  Q8_0(32, 34),
  Q2_K(256, 84),
  Q3_K(256, 110),
  Q4_K(256, 144),
  Q5_K(256, 176),
  Q6_K(256, 210),
  IQ4_NL(32, 18),
  IQ4_XS(256, 136),
  MXFP4(32, 17);

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

  /// The same type in a file.
  public GgufTensorType gguf() {
    return GgufTensorType.valueOf(name());
  }

  /// The same type in memory, or null if Fettle does not compute with it.
  public static @Nullable GgmlType of(GgufTensorType type) {
    for (GgmlType known : values()) {
      if (known.name().equals(type.name())) {
        return known;
      }
    }
    return null;
  }

  /// Bits per number without its share of the scales.
  public int codeBits() {
    return switch (this) {
      case Q2_K -> 2;
      case Q3_K -> 3;
      case Q4_0, Q4_1, Q4_K, IQ4_NL, IQ4_XS, MXFP4 -> 4;
      case Q5_0, Q5_1, Q5_K -> 5;
      case Q6_K -> 6;
      case Q8_0 -> 8;
    };
  }

  /// As in a scheme, such as `q4_k`. `mxfp4` alone is the scheme of compressed-tensors, whose bytes
  /// are in another order.
  public String text() {
    return this == MXFP4 ? "mxfp4_ggml" : name().toLowerCase(java.util.Locale.ROOT);
  }
}
