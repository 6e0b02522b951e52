package dev.fettle.quantize;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.kernel.CastKernels;
import dev.fettle.tensor.kernel.Kernels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Weights of any floating-point dtype as float32, a run at a time that stays in the first-level
/// cache: formats need kernels for float32 only.
final class FloatRuns {
  /// Weights per run; a multiple of every block size but bitsandbytes'.
  static final int LENGTH = 1 << 12;

  private FloatRuns() {}

  /// Work on the weights `from` to `from + count`.
  @FunctionalInterface
  interface Run {
    /// @param floats `count` float32; to be read, or to be filled
    void on(long from, int count, MemorySegment floats);
  }

  /// Hands the weights `from` to `to` to `reader`, in runs that begin at `from` plus a multiple of
  /// `LENGTH`.
  ///
  /// @param dtype F32, F16 or BF16
  static void read(MemorySegment weights, DType dtype, long from, long to, Run reader) {
    CastKernels casts = Kernels.casts();
    int width = dtype.bytes();
    boolean direct = dtype == DType.F32 && weights.isNative();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment floats = direct ? MemorySegment.NULL : arena.allocate(4L * LENGTH, 64);
      for (long at = from; at < to; at += LENGTH) {
        int count = (int) Math.min(LENGTH, to - at);
        MemorySegment part = weights.asSlice(at * width, (long) count * width);
        switch (dtype) {
          case F32 -> {
            if (!direct) {
              MemorySegment.copy(part, 0, floats, 0, 4L * count);
            }
          }
          case F16 -> casts.f16ToFloat(part, floats, count);
          case BF16 -> casts.bf16ToFloat(part, floats, count);
          case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
              throw new IllegalStateException("weights are float, not " + dtype);
        }
        reader.on(at, count, direct ? part : floats.asSlice(0, 4L * count));
      }
    }
  }

  /// Lets `writer` fill the weights `from` to `to`, in runs as in `read`, and writes them as
  /// `target` to the start of `out`.
  ///
  /// @param target F32, F16 or BF16
  static void write(long from, long to, DType target, MemorySegment out, Run writer) {
    CastKernels casts = Kernels.casts();
    int width = target.bytes();
    boolean direct = target == DType.F32 && out.isNative();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment floats = direct ? MemorySegment.NULL : arena.allocate(4L * LENGTH, 64);
      for (long at = from; at < to; at += LENGTH) {
        int count = (int) Math.min(LENGTH, to - at);
        MemorySegment part = out.asSlice((at - from) * width, (long) count * width);
        writer.on(at, count, direct ? part : floats.asSlice(0, 4L * count));
        switch (target) {
          case F32 -> {
            if (!direct) {
              MemorySegment.copy(floats, 0, part, 0, 4L * count);
            }
          }
          case F16 -> casts.floatToF16(floats, part, count);
          case BF16 -> casts.floatToBf16(floats, part, count);
          case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
              throw new IllegalStateException("weights are float, not " + target);
        }
      }
    }
  }
}
