package dev.fettle.quantize.matvec;

import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.GgmlTensor;
import dev.fettle.quantize.QuantizedTensor;
import dev.fettle.quantize.ggml.GgmlKernels;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.Parallel;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// `y = x · Wᵀ` for a packed weight and few rows of `x`.
///
/// Integers of 8 and 4 bits and most of ggml's blocks are multiplied as they are packed; rows of
/// every other format are unpacked a few at a time into memory that stays in the processor's cache.
public final class MatVec {
  /// Weights of one thread at a time.
  private static final long GRAIN = 1L << 16;

  /// Weights unpacked at a time: few enough to stay in a first-level cache.
  private static final long CACHED = 1L << 13;

  private final QuantizedTensor weight;
  private final DType dtype;
  private final int columns;

  /// @param weight `[out, in]`
  /// @param dtype F32 or BF16, to which the weights of formats without a kernel of their own are
  ///   rounded when unpacked
  public MatVec(QuantizedTensor weight, DType dtype) {
    this.weight = weight;
    this.dtype = dtype;
    this.columns = Math.toIntExact(weight.shape().dim(1));
  }

  /// Whether the weight is multiplied as it is packed, which is when this is the faster way.
  public boolean readsPacked() {
    return (weight instanceof AffineTensor affine && fits(affine))
        || (weight instanceof GgmlTensor ggml && GgmlKernels.multiplies(ggml.type()));
  }

  /// @param x `[rows, in]`
  /// @param y `[rows, out]`, receives the product
  public void multiply(float[] x, int rows, float[] y) {
    int outputs = Math.toIntExact(weight.shape().dim(0));
    if (x.length != rows * columns || y.length != rows * outputs) {
      throw new IllegalArgumentException(
          "%d rows of %s: %d and %d numbers".formatted(rows, weight.shape(), x.length, y.length));
    }
    @SuppressWarnings("UnnecessaryLambda")
    Rows kernel = kernel(x, rows, y, outputs);
    Parallel.forRange(outputs, Math.max(1, GRAIN / Math.max(1, columns)), kernel::multiply);
  }

  /// Computes outputs `from` to `to` of every row.
  private interface Rows {
    void multiply(long from, long to);
  }

  private Rows kernel(float[] x, int rows, float[] y, int outputs) {
    if (weight instanceof AffineTensor affine && fits(affine)) {
      float[] numbers = affine.scheme().bits() == 4 ? evenThenOdd(x, rows) : x;
      return (from, to) -> multiplyIntegers(affine, numbers, rows, y, outputs, from, to);
    }
    if (weight instanceof GgmlTensor ggml && GgmlKernels.multiplies(ggml.type())) {
      return (from, to) -> multiplyBlocks(ggml, x, rows, y, outputs, from, to);
    }
    return (from, to) -> multiplyUnpacked(x, rows, y, outputs, from, to);
  }

  /// Whether the groups of a row are runs of neighbours, whole, and whole bytes.
  private boolean fits(AffineTensor affine) {
    if (affine.groupIndex() != null) {
      return false;
    }
    long groupSize = affine.scheme().granularity().columnsPerScale(columns);
    return switch (affine.scheme().bits()) {
      case 8 -> columns % groupSize == 0;
      case 4 -> columns % groupSize == 0 && groupSize % 2 == 0;
      default -> false;
    };
  }

  private float[] evenThenOdd(float[] x, int rows) {
    float[] sorted = new float[x.length];
    int half = columns / 2;
    for (int row = 0; row < rows; row++) {
      int at = row * columns;
      for (int i = 0; i < half; i++) {
        sorted[at + i] = x[at + 2 * i];
        sorted[at + half + i] = x[at + 2 * i + 1];
      }
    }
    return sorted;
  }

  private void multiplyIntegers(
      AffineTensor affine, float[] x, int rows, float[] y, int outputs, long from, long to) {
    MatVecKernels kernels = MatVecKernels.get();
    int bits = affine.scheme().bits();
    int groupSize = (int) affine.scheme().granularity().columnsPerScale(columns);
    long rowsPerScale = affine.scheme().granularity().rowsPerScale(outputs);
    long rowBytes = AffineTensor.rowBytes(affine.shape(), affine.scheme());
    float[] scales = new float[(int) affine.scales().shape().dim(1)];
    float[] zeros = new float[scales.length];
    long loaded = -1;
    for (long output = from; output < to; output++) {
      if (output / rowsPerScale != loaded) {
        loaded = output / rowsPerScale;
        affine.readScales(loaded, scales);
        affine.readZeros(loaded, zeros);
      }
      MemorySegment codes = affine.codes().asSlice(output * rowBytes, rowBytes);
      for (int row = 0; row < rows; row++) {
        int at = row * columns;
        y[(int) (row * (long) outputs + output)] =
            bits == 8
                ? kernels.dotInt8(codes, x, at, columns, groupSize, scales, zeros)
                : kernels.dotInt4(codes, x, at, columns, groupSize, scales, zeros);
      }
    }
  }

  private void multiplyBlocks(
      GgmlTensor ggml, float[] x, int rows, float[] y, int outputs, long from, long to) {
    GgmlKernels kernels = GgmlKernels.get();
    long rowBytes = ggml.type().bytes(columns);
    for (long output = from; output < to; output++) {
      MemorySegment blocks = ggml.blocks().asSlice(output * rowBytes, rowBytes);
      for (int row = 0; row < rows; row++) {
        y[(int) (row * (long) outputs + output)] =
            kernels.dot(ggml.type(), blocks, columns, x, row * columns);
      }
    }
  }

  private void multiplyUnpacked(float[] x, int rows, float[] y, int outputs, long from, long to) {
    MatVecKernels kernels = MatVecKernels.get();
    long some = Math.max(1, CACHED / Math.max(1, columns));
    long rowBytes = (long) columns * dtype.bytes();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment unpacked = arena.allocate(some * rowBytes, 64);
      for (long first = from; first < to; first += some) {
        long last = Math.min(to, first + some);
        weight.dequantizeRows(first, last, dtype, unpacked.asSlice(0, (last - first) * rowBytes));
        for (long output = first; output < last; output++) {
          MemorySegment one = unpacked.asSlice((output - first) * rowBytes, rowBytes);
          for (int row = 0; row < rows; row++) {
            y[(int) (row * (long) outputs + output)] =
                kernels.dot(one, dtype, x, row * columns, columns);
          }
        }
      }
    }
  }
}
