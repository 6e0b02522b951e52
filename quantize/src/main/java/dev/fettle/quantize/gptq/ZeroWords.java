package dev.fettle.quantize.gptq;

import dev.fettle.quantize.kernel.ScalarAffineKernels;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/// Zero points as GPTQ packs them: one row of words per group, the outputs one after the other,
/// least significant first. The first format stores each less one, which wraps around.
final class ZeroWords {
  private ZeroWords() {}

  /// @param words I32 `[groups, words of the outputs]`
  /// @param secondFormat whether they are stored as they are
  /// @return I8 `[out, groups]`, counted from 2^(bits−1) on; null if all are zero then
  static @Nullable HostTensor unpack(
      HostTensor words, int bits, int outputs, boolean secondFormat) {
    int groups = Math.toIntExact(words.shape().dim(0));
    long rowBytes = 4 * words.shape().dim(1);
    int mask = (1 << bits) - 1;
    int middle = 1 << (bits - 1);
    MemorySegment zeros = Arena.ofAuto().allocate((long) outputs * groups, 64);
    boolean any = false;
    for (int group = 0; group < groups; group++) {
      MemorySegment row = words.data().asSlice(group * rowBytes, rowBytes);
      for (int output = 0; output < outputs; output++) {
        int stored = ScalarAffineKernels.read(row, bits, output);
        int zero = (secondFormat ? stored : stored + 1) & mask;
        any |= zero != middle;
        zeros.set(ValueLayout.JAVA_BYTE, (long) output * groups + group, (byte) (zero - middle));
      }
    }
    return any ? new HostTensor(DType.I8, Shape.of(outputs, groups), zeros) : null;
  }

  /// The inverse of [#unpack].
  ///
  /// @param zeros I8 `[out, groups]`, or null for zeros
  static HostTensor pack(
      @Nullable HostTensor zeros, int bits, int outputs, int groups, boolean secondFormat) {
    Shape shape = Shape.of(groups, GptqLayout.words(outputs, bits));
    long rowBytes = 4 * shape.dim(1);
    int mask = (1 << bits) - 1;
    int middle = 1 << (bits - 1);
    MemorySegment words = Arena.ofAuto().allocate(4 * shape.elements(), 64);
    for (int group = 0; group < groups; group++) {
      MemorySegment row = words.asSlice(group * rowBytes, rowBytes);
      for (int output = 0; output < outputs; output++) {
        long at = (long) output * groups + group;
        int zero = middle + (zeros == null ? 0 : zeros.data().get(ValueLayout.JAVA_BYTE, at));
        ScalarAffineKernels.write(row, bits, output, (secondFormat ? zero : zero - 1) & mask);
      }
    }
    return new HostTensor(DType.I32, shape, words);
  }
}
