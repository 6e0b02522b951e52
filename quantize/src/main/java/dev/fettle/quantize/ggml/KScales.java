package dev.fettle.quantize.ggml;

import java.lang.foreign.MemorySegment;

/// The eight 6-bit scales and eight 6-bit offsets of a Q4_K or Q5_K block, packed in twelve bytes:
/// the first four of each in the low six bits of bytes 0-3 and 4-7, the low four bits of the others
/// in bytes 8-11 (offset high), and their upper two bits on top of bytes 0-7.
final class KScales {
  private KScales() {}

  static int scale(MemorySegment y, long at, int j) {
    return j < 4
        ? Bytes.u8(y, at + j) & 63
        : (Bytes.u8(y, at + j + 4) & 15) | ((Bytes.u8(y, at + j - 4) >> 6) << 4);
  }

  static int min(MemorySegment y, long at, int j) {
    return j < 4
        ? Bytes.u8(y, at + j + 4) & 63
        : (Bytes.u8(y, at + j + 4) >> 4) | ((Bytes.u8(y, at + j) >> 6) << 4);
  }

  /// @param scales eight numbers below 64
  /// @param mins eight numbers below 64
  static void pack(int[] scales, int[] mins, MemorySegment y, long at) {
    for (int j = 0; j < 4; j++) {
      int s = scales[j + 4];
      int m = mins[j + 4];
      Bytes.put8(y, at + j, scales[j] | ((s >> 4) << 6));
      Bytes.put8(y, at + j + 4, mins[j] | ((m >> 4) << 6));
      Bytes.put8(y, at + j + 8, (s & 15) | ((m & 15) << 4));
    }
  }
}
