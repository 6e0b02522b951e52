package dev.fettle.checkpoint.gguf;

import java.lang.foreign.MemorySegment;

/// The order of rows of the query and key projections. Hugging Face rotates the first half of a
/// head's rows against the second; llama.cpp's llama rotates neighbours. So in GGUF row `h·d + 2i +
/// t` is Hugging Face's row `h·d + t·(d/2) + i`, for `t` 0 or 1 and head width `d`. Rows move as a
/// whole, so packed rows can be permuted as well. Source: llama.cpp, `conversion/llama.py`.
///
/// @param heads query or key/value heads
/// @param headDim rows per head, even
public record RowPermutation(int heads, int headDim) {
  public RowPermutation {
    if (headDim % 2 != 0) {
      throw new IllegalArgumentException("head width " + headDim + " is odd");
    }
  }

  public long rows() {
    return (long) heads * headDim;
  }

  /// Reorders rows of Hugging Face to those of GGUF.
  ///
  /// @param from `rows()` rows of equal size
  /// @param to as many bytes
  public void toGguf(MemorySegment from, MemorySegment to) {
    long bytes = rowBytes(from);
    for (long row = 0; row < rows(); row++) {
      MemorySegment.copy(from, source(row) * bytes, to, row * bytes, bytes);
    }
  }

  /// Reorders rows of GGUF to those of Hugging Face; the reverse of `toGguf`.
  public void toHuggingFace(MemorySegment from, MemorySegment to) {
    long bytes = rowBytes(from);
    for (long row = 0; row < rows(); row++) {
      MemorySegment.copy(from, row * bytes, to, source(row) * bytes, bytes);
    }
  }

  /// The row of Hugging Face that is row `row` of GGUF.
  public long source(long row) {
    long head = row / headDim;
    long within = row % headDim;
    return head * headDim + within % 2 * (headDim / 2) + within / 2;
  }

  private long rowBytes(MemorySegment rows) {
    if (rows.byteSize() % rows() != 0) {
      throw new IllegalArgumentException(rows.byteSize() + " bytes in " + rows() + " rows");
    }
    return rows.byteSize() / rows();
  }
}
