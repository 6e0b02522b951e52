package dev.fettle.quantize.awq;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/// Zero points as AWQ packs them: one row of words per group, the outputs of each word in the order
/// of its lanes.
final class LaneZeros {
  private static final int MIDDLE = 8;

  private LaneZeros() {}

  /// @param words I32 `[groups, out / 8]`
  /// @return I8 `[out, groups]`, counted from 8 on; null if all are zero then
  static @Nullable HostTensor unpack(HostTensor words) {
    int groups = Math.toIntExact(words.shape().dim(0));
    int eights = Math.toIntExact(words.shape().dim(1));
    MemorySegment zeros = Arena.ofAuto().allocate(8L * eights * groups, 64);
    boolean any = false;
    for (int group = 0; group < groups; group++) {
      for (int eight = 0; eight < eights; eight++) {
        int word = words.data().get(HostTensor.I32_LAYOUT, 4 * ((long) group * eights + eight));
        for (int lane = 0; lane < 8; lane++) {
          int zero = (word >>> (4 * lane) & 0xF) - MIDDLE;
          any |= zero != 0;
          zeros.set(ValueLayout.JAVA_BYTE, at(eight, lane, group, groups), (byte) zero);
        }
      }
    }
    return any ? new HostTensor(DType.I8, Shape.of(8L * eights, groups), zeros) : null;
  }

  /// The inverse of [#unpack].
  ///
  /// @param zeros I8 `[out, groups]`, or null for zeros
  static HostTensor pack(@Nullable HostTensor zeros, int outputs, int groups) {
    int eights = outputs / 8;
    Shape shape = Shape.of(groups, eights);
    MemorySegment words = Arena.ofAuto().allocate(4 * shape.elements(), 64);
    for (int group = 0; group < groups; group++) {
      for (int eight = 0; eight < eights; eight++) {
        int word = 0;
        for (int lane = 0; lane < 8; lane++) {
          long at = at(eight, lane, group, groups);
          int zero = zeros == null ? 0 : zeros.data().get(ValueLayout.JAVA_BYTE, at);
          word |= (zero + MIDDLE) << (4 * lane);
        }
        words.set(HostTensor.I32_LAYOUT, 4 * ((long) group * eights + eight), word);
      }
    }
    return new HostTensor(DType.I32, shape, words);
  }

  private static long at(int eight, int lane, int group, int groups) {
    return (8L * eight + NibbleMatrix.output(lane)) * groups + group;
  }
}
