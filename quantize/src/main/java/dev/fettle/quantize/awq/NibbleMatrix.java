package dev.fettle.quantize.awq;

import static dev.fettle.tensor.HostTensor.I32_LAYOUT;

import dev.fettle.tensor.Parallel;
import java.lang.foreign.MemorySegment;

/// 4-bit codes between AWQ's order, where a word holds eight outputs of one input, and that of
/// [dev.fettle.quantize.AffineTensor], where it holds eight inputs of one output.
///
/// Squares of eight by eight codes are transposed in three steps, each of which swaps half of the
/// bits of pairs of words: Warren, Hacker's Delight, 2nd edition, section 7-3.
final class NibbleMatrix {
  /// The output, of eight, whose code is in this lane of a word, lanes counted from the least
  /// significant. Source: AutoAWQ 0.2.7, `utils/packing_utils.py` (`AWQ_ORDER`).
  private static final int[] LANE_OUTPUT = {0, 2, 4, 6, 1, 3, 5, 7};

  /// Words of a row handled together, a cache line.
  private static final int TILE = 16;

  /// Codes of one thread at a time.
  private static final long GRAIN = 1 << 18;

  private NibbleMatrix() {}

  /// Which output, of eight, is in a lane of a word.
  static int output(int lane) {
    return LANE_OUTPUT[lane];
  }

  /// @param words I32 `[in, out / 8]`
  /// @param codes receives `[out, in / 8]` words; accessible from any thread
  /// @param inputs a multiple of 8
  /// @param outputs a multiple of 8
  static void toRows(MemorySegment words, long inputs, long outputs, MemorySegment codes) {
    squares(
        inputs,
        outputs,
        (input, output, square) -> {
          for (int i = 0; i < 8; i++) {
            square[i] = words.get(I32_LAYOUT, 4 * ((input + i) * (outputs / 8) + output / 8));
          }
          transpose(square);
          for (int lane = 0; lane < 8; lane++) {
            codes.set(
                I32_LAYOUT,
                4 * ((output + LANE_OUTPUT[lane]) * (inputs / 8) + input / 8),
                square[lane]);
          }
        });
  }

  /// The inverse of [#toRows].
  static void toWords(MemorySegment codes, long inputs, long outputs, MemorySegment words) {
    squares(
        inputs,
        outputs,
        (input, output, square) -> {
          for (int lane = 0; lane < 8; lane++) {
            square[lane] =
                codes.get(
                    I32_LAYOUT, 4 * ((output + LANE_OUTPUT[lane]) * (inputs / 8) + input / 8));
          }
          transpose(square);
          for (int i = 0; i < 8; i++) {
            words.set(I32_LAYOUT, 4 * ((input + i) * (outputs / 8) + output / 8), square[i]);
          }
        });
  }

  /// Work on the codes of eight inputs and eight outputs.
  private interface Square {
    void move(long input, long output, int[] square);
  }

  /// Strips of outputs as wide as a cache line of words, on all processors.
  private static void squares(long inputs, long outputs, Square work) {
    long strip = 8 * TILE;
    Parallel.forRange(
        Math.ceilDiv(outputs, strip),
        Math.max(1, GRAIN / Math.max(1, inputs * strip)),
        (from, to) -> {
          int[] square = new int[8];
          for (long first = from * strip; first < Math.min(outputs, to * strip); first += strip) {
            long last = Math.min(outputs, first + strip);
            for (long input = 0; input < inputs; input += 8) {
              for (long output = first; output < last; output += 8) {
                work.move(input, output, square);
              }
            }
          }
        });
  }

  /// Nibble j of word i becomes nibble i of word j.
  static void transpose(int[] words) {
    for (int half = 4; half > 0; half >>= 1) {
      int bits = 4 * half;
      int mask = half == 4 ? 0x0000FFFF : half == 2 ? 0x00FF00FF : 0x0F0F0F0F;
      for (int i = 0; i < 8; i++) {
        if ((i & half) == 0) {
          int swapped = (words[i] >>> bits ^ words[i + half]) & mask;
          words[i] ^= swapped << bits;
          words[i + half] ^= swapped;
        }
      }
    }
  }
}
