package dev.fettle.quantize;

import dev.fettle.quantize.kernel.ErrorSums;
import dev.fettle.quantize.kernel.QuantizeKernels;
import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Parallel;
import dev.fettle.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;

/// How far a quantized weight q is from the weight w it stands for; sums run over all n elements.
///
/// @param mse mean of (w - q)²
/// @param rmse root of the mean squared error, in the unit of the weights
/// @param maxAbs largest |w - q|
/// @param sqnrDb signal to quantization noise, 10·log10(Σw² / Σ(w - q)²); infinite without error
/// @param cosine Σwq / (|w|·|q|); 1 for two zero weights
public record TensorError(double mse, double rmse, double maxAbs, double sqnrDb, double cosine) {
  /// Weights compared at once; their float32 copies fit the second-level cache.
  private static final int CHUNK = 1 << 13;

  private static final long CHUNKS_PER_PART = 16;

  /// Compares in float32, piece by piece, so that no dequantized weight is held.
  ///
  /// @param weight F32, F16 or BF16, of the same shape
  public static TensorError of(HostTensor weight, QuantizedTensor quantized) {
    return of(
        weight,
        quantized.shape(),
        (from, to, out) -> quantized.dequantizeRows(from, to, DType.F32, out));
  }

  /// As the other `of`, for a weight that was only rounded.
  ///
  /// @param rounded F32, F16 or BF16, of the same shape
  public static TensorError of(HostTensor weight, HostTensor rounded) {
    long columns = rounded.shape().rank() == 0 ? 1 : rounded.shape().dim(-1);
    return of(
        weight,
        rounded.shape(),
        (from, to, out) -> Casts.toFloat(slice(rounded, from * columns, to * columns), out));
  }

  /// Writes rows `from` to `to` as float32 to the start of `out`.
  private interface Rows {
    void read(long from, long to, MemorySegment out);
  }

  private static HostTensor slice(HostTensor tensor, long from, long to) {
    int width = tensor.dtype().bytes();
    MemorySegment data = tensor.data().asSlice(from * width, (to - from) * width);
    return new HostTensor(tensor.dtype(), Shape.of(to - from), data);
  }

  private static TensorError of(HostTensor weight, Shape shape, Rows approximate) {
    if (!weight.shape().equals(shape)) {
      throw new IllegalArgumentException(weight.shape() + " and " + shape);
    }
    long columns = shape.rank() == 0 ? 1 : shape.dim(-1);
    long rows = columns == 0 ? 0 : weight.elements() / columns;
    // an even number of rows in powers of two keeps flattened blocks whole wherever they can be
    long perChunk = Long.highestOneBit(Math.max(1, CHUNK / Math.max(1, columns)));
    return compare(weight, approximate, rows, perChunk, columns);
  }

  /// @param units how many rows or weights there are
  /// @param perChunk units compared at once
  /// @param unit weights per unit
  private static TensorError compare(
      HostTensor weight, Rows rows, long units, long perChunk, long unit) {
    long perPart = CHUNKS_PER_PART * perChunk;
    int parts = (int) ((units + perPart - 1) / perPart);
    List<ErrorSums> sums = IntStream.range(0, parts).mapToObj(i -> new ErrorSums()).toList();
    Parallel.forRange(
        units,
        perPart,
        (first, last) -> {
          try (Arena arena = Arena.ofConfined()) {
            MemorySegment exact = arena.allocate(4 * perChunk * unit, 4);
            MemorySegment approximate = arena.allocate(4 * perChunk * unit, 4);
            for (long from = first; from < last; from += perChunk) {
              long to = Math.min(last, from + perChunk);
              int count = Math.toIntExact((to - from) * unit);
              Casts.toFloat(slice(weight, from * unit, to * unit), exact);
              rows.read(from, to, approximate.asSlice(0, 4L * count));
              QuantizeKernels.get()
                  .addErrors(exact, approximate, count, sums.get((int) (from / perPart)));
            }
          }
        });
    ErrorSums total = new ErrorSums();
    sums.forEach(total::add);
    return of(total);
  }

  private static TensorError of(ErrorSums sums) {
    double mse = sums.count() == 0 ? 0 : sums.squaredError() / sums.count();
    double norms = Math.sqrt(sums.squaredExact()) * Math.sqrt(sums.squaredApproximate());
    double cosine = norms == 0 ? (sums.squaredError() == 0 ? 1 : 0) : sums.product() / norms;
    double sqnr =
        sums.squaredError() == 0
            ? Double.POSITIVE_INFINITY
            : 10 * Math.log10(sums.squaredExact() / sums.squaredError());
    return new TensorError(mse, Math.sqrt(mse), sums.maxError(), sqnr, cosine);
  }
}
