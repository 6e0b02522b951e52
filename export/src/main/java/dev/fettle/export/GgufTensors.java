package dev.fettle.export;

import dev.fettle.checkpoint.gguf.GgufTensorType;
import dev.fettle.checkpoint.gguf.RowPermutation;
import dev.fettle.checkpoint.gguf.WeightChange;
import dev.fettle.quantize.GgmlQuantizer;
import dev.fettle.quantize.GgmlTensor;
import dev.fettle.quantize.GgmlType;
import dev.fettle.quantize.QuantizedTensor;
import dev.fettle.quantize.Reencoding;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.TensorError;
import dev.fettle.quantize.UnpackedCheckpoint;
import dev.fettle.quantize.ggml.GgufWeights;
import dev.fettle.quantize.kernel.FloatKernels;
import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/// Makes the bytes that a weight has in a GGUF file: blocks that are there already, or integers
/// that blocks can hold, are taken over; everything else is rounded once.
final class GgufTensors {
  private static final float FLOAT16_LIMIT = 65504;

  private final UnpackedCheckpoint source;

  GgufTensors(UnpackedCheckpoint source) {
    this.source = source;
  }

  /// The bytes of one tensor.
  ///
  /// @param data in the row order of GGUF
  /// @param error of the numbers in the file against the source's, as float32
  record Made(MemorySegment data, TensorError error) {}

  /// @param name in Hugging Face
  /// @param change how rows move and numbers change
  /// @param importance of each input column for the rounding, or null
  /// @param arena where the bytes are made
  Made make(
      String name,
      GgufTensorType type,
      WeightChange change,
      float @Nullable [] importance,
      Arena arena) {
    @Nullable GgmlType blockType = GgufWeights.type(type);
    @Nullable DType dtype = type.dtype();
    Made made;
    if (blockType != null) {
      made = blocks(name, blockType, change, importance, arena);
    } else if (dtype != null) {
      made = plain(name, dtype, change, arena);
    } else {
      throw new UserException(
          "Tensor '%s' cannot be written as %s, which this program cannot quantize to."
              .formatted(name, type));
    }
    @Nullable RowPermutation permutation = change.permutation();
    if (permutation == null) {
      return made;
    }
    MemorySegment permuted = arena.allocate(made.data().byteSize(), 64);
    permutation.toGguf(made.data(), permuted);
    return new Made(permuted, made.error());
  }

  private Made blocks(
      String name, GgmlType type, WeightChange change, float @Nullable [] importance, Arena arena) {
    @Nullable QuantizedTensor packed = change.changesNumbers() ? null : source.packed(name);
    @Nullable QuantizedTensor same =
        packed == null ? null : Reencoding.of(packed, new Scheme.Ggml(type), DType.F16, arena);
    HostTensor exact = exact(name, change, arena);
    QuantizedTensor blocks =
        same != null ? same : GgmlQuantizer.quantize(name, exact, type, importance, arena);
    return new Made(((GgmlTensor) blocks).blocks(), TensorError.of(exact, blocks));
  }

  private HostTensor exact(String name, WeightChange change, Arena arena) {
    HostTensor own = source.tensor(name, DType.F32, arena);
    if (!change.changesNumbers()) {
      return own;
    }
    float[] numbers = own.toFloats();
    change.toGguf(numbers);
    MemorySegment changed = arena.allocate(4L * numbers.length, 64);
    MemorySegment.copy(numbers, 0, changed, ValueLayout.JAVA_FLOAT, 0, numbers.length);
    return new HostTensor(DType.F32, own.shape(), changed);
  }

  private Made plain(String name, DType dtype, WeightChange change, Arena arena) {
    HostTensor exact = exact(name, change, arena);
    HostTensor cast = Casts.to(dtype, exact, arena);
    if (dtype == DType.F16 && exact.dtype() != DType.F16) {
      refuseOverflow(name, exact, arena);
    }
    return new Made(cast.data(), TensorError.of(exact, cast));
  }

  private static void refuseOverflow(String name, HostTensor weight, Arena arena) {
    HostTensor floats = Casts.to(DType.F32, weight, arena);
    float largest = FloatKernels.get().largest(floats.data(), floats.elements());
    if (!(largest <= FLOAT16_LIMIT)) {
      throw new UserException(
          "Tensor '%s' holds %s, which float16 cannot; write bf16 or f32."
              .formatted(name, Float.isNaN(largest) ? "NaN" : Float.toString(largest)));
    }
  }
}
