package dev.fettle.quantize;

import dev.fettle.quantize.ggml.GgmlKernels;
import dev.fettle.quantize.kernel.FloatKernels;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Parallel;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import org.jspecify.annotations.Nullable;

/// Rounds a weight to blocks of ggml, with the bytes of ggml's `ggml_quantize_chunk`.
public final class GgmlQuantizer {
  private GgmlQuantizer() {}

  /// @param name the tensor, for messages
  /// @param weight F32, F16 or BF16, in memory accessible from any thread
  /// @param importance how much an error in each column counts, such as the mean square of the
  ///   column's input: float32 `[in]`, finite and not negative; null if all count the same. Q8_0
  ///   and MXFP4 ignore it.
  /// @param allocator where the result goes; its memory must be accessible from any thread
  /// @throws UserException if the blocks do not divide the rows, the importance has another length
  ///   or is no such number, or a weight is not finite or is beyond float16, in which ggml keeps
  ///   its scales
  public static GgmlTensor quantize(
      String name,
      HostTensor weight,
      GgmlType type,
      float @Nullable [] importance,
      SegmentAllocator allocator) {
    long columns = weight.shape().rank() == 0 ? 1 : weight.shape().dim(-1);
    if (columns % type.blockSize() != 0) {
      throw new UserException(
          "Tensor '%s' has rows of %d weights, which %s's blocks of %d do not divide; choose a type with blocks of 32, or skip this layer."
              .formatted(name, columns, type.text(), type.blockSize()));
    }
    MemorySegment blocks = allocator.allocate(type.bytes(weight.elements()), 64);
    if (importance == null) {
      runs(name, weight, type, blocks);
    } else {
      checkImportance(name, columns, importance);
      rows(name, weight, type, importance, blocks);
    }
    return new GgmlTensor(weight.shape(), weight.dtype(), type, blocks);
  }

  private static void runs(String name, HostTensor weight, GgmlType type, MemorySegment blocks) {
    Parallel.forRange(
        weight.elements(),
        QuantizedTensor.GRAIN,
        (from, to) ->
            FloatRuns.read(
                weight.data(),
                weight.dtype(),
                from,
                to,
                (at, count, floats) -> {
                  checkFinite(name, weight, at, count, floats);
                  MemorySegment part = blocks.asSlice(type.bytes(at), type.bytes(count));
                  GgmlKernels.get().quantize(type, floats, count, part);
                }));
  }

  private static void rows(
      String name, HostTensor weight, GgmlType type, float[] importance, MemorySegment blocks) {
    int columns = importance.length;
    Parallel.forRange(
        columns == 0 ? 0 : weight.elements() / columns,
        Math.max(1, QuantizedTensor.GRAIN / Math.max(1, columns)),
        (first, last) -> {
          try (Arena arena = Arena.ofConfined()) {
            MemorySegment row = arena.allocate(4L * columns, 64);
            for (long i = first; i < last; i++) {
              long start = i * columns;
              FloatRuns.read(
                  weight.data(),
                  weight.dtype(),
                  start,
                  start + columns,
                  (at, count, floats) -> {
                    checkFinite(name, weight, at, count, floats);
                    MemorySegment.copy(floats, 0, row, 4 * (at - start), 4L * count);
                  });
              MemorySegment part = blocks.asSlice(type.bytes(start), type.bytes(columns));
              GgmlKernels.get().quantizeRow(type, row, importance, part);
            }
          }
        });
  }

  private static void checkFinite(
      String name, HostTensor weight, long at, int count, MemorySegment floats) {
    if (!(FloatKernels.get().largest(floats, count) <= Quantizer.FLOAT16_LIMIT)) {
      throw Quantizer.notFinite(name, weight, at, Quantizer.FLOAT16_LIMIT);
    }
  }

  private static void checkImportance(String name, long columns, float[] importance) {
    if (importance.length != columns) {
      throw new UserException(
          "Tensor '%s' has rows of %d weights, but its importance has %d numbers; collect the importance with this model."
              .formatted(name, columns, importance.length));
    }
    for (int i = 0; i < importance.length; i++) {
      if (!(importance[i] >= 0 && importance[i] <= Float.MAX_VALUE)) {
        throw new UserException(
            "The importance of column %d of tensor '%s' is %s; expected a finite number that is not negative. Collect the importance again."
                .formatted(i, name, importance[i]));
      }
    }
  }
}
