package dev.fettle.quantize.ggml;

import dev.fettle.quantize.GgmlType;
import dev.fettle.tensor.kernel.Kernels;
import java.lang.foreign.MemorySegment;

/// Conversions of whole blocks from and to float32. Segments start with the run; `count` is its
/// length in weights, a multiple of the block size. Weights are finite and within float16's range.
public sealed interface GgmlKernels permits ScalarGgmlKernels, VectorGgmlKernels {
  /// The pair's member in use.
  static GgmlKernels get() {
    return Holder.KERNELS;
  }

  /// Keeps the choice out of the interface's own initialisation.
  final class Holder {
    private static final GgmlKernels KERNELS =
        Kernels.select(() -> new VectorGgmlKernels(), () -> new ScalarGgmlKernels());

    private Holder() {}
  }

  /// The bytes that ggml (`ggml_quantize_chunk`, without importance matrix) makes of the weights.
  ///
  /// @param weights `count` float32
  /// @param blocks receives `type.bytes(count)` bytes
  void quantize(GgmlType type, MemorySegment weights, long count, MemorySegment blocks);

  /// The bytes that ggml (`ggml_quantize_chunk`, with importance matrix) makes of one row of
  /// weights. Q8_0 and MXFP4 have nothing to choose, and ignore the importance.
  ///
  /// @param weights one float32 per column
  /// @param importance of each column, finite and not negative: such as the mean square of its
  ///   input
  /// @param blocks receives `type.bytes(importance.length)` bytes
  void quantizeRow(GgmlType type, MemorySegment weights, float[] importance, MemorySegment blocks);

  /// The weights that the blocks stand for, each operation of the layout's formula rounded to
  /// float32.
  ///
  /// @param weights receives `count` float32
  void dequantize(GgmlType type, MemorySegment blocks, long count, MemorySegment weights);

  /// `Σ_k weight[k] · x[from + k]`, the weights as [#dequantize] gives them. The members of the
  /// pair add in different orders.
  ///
  /// @param type one that `multiplies`
  float dot(GgmlType type, MemorySegment blocks, int count, float[] x, int from);

  /// Whether `dot` has a fast path for the type; the weights of others are better dequantized
  /// first.
  static boolean multiplies(GgmlType type) {
    return switch (type) {
      case Q8_0, Q4_0, Q4_1, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS, MXFP4 -> true;
      case Q5_0, Q5_1, Q2_K, Q3_K -> false;
    };
  }
}
