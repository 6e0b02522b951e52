package dev.fettle.quantize;

import dev.fettle.quantize.kernel.FloatKernels;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Parallel;
import dev.fettle.tensor.Shape;

/// Pieces of a flattened matrix that share one scale.
final class ScaleRuns {
  private final long columns;
  private final long rowsPerScale;
  private final long columnsPerScale;
  private final Shape scaleShape;

  /// @param matrix `[rows, columns]`
  ScaleRuns(Shape matrix, Granularity granularity) {
    this.columns = matrix.dim(1);
    this.rowsPerScale = granularity.rowsPerScale(matrix.dim(0));
    this.columnsPerScale = granularity.columnsPerScale(columns);
    this.scaleShape = granularity.scaleShape(matrix);
  }

  /// Work on one piece.
  @FunctionalInterface
  interface Piece {
    /// @param scale index of the scale, flattened
    /// @param offset where the piece begins in the run
    void on(int scale, int offset, int count);
  }

  /// Splits the weights `from` to `from + count` of the flattened matrix.
  void split(long from, int count, Piece piece) {
    int offset = 0;
    while (offset < count) {
      long row = (from + offset) / columns;
      long column = (from + offset) % columns;
      long end = Math.min(columns, (column / columnsPerScale + 1) * columnsPerScale);
      int length = (int) Math.min(count - offset, end - column);
      long scale = row / rowsPerScale * scaleShape.dim(1) + column / columnsPerScale;
      piece.on((int) scale, offset, length);
      offset += length;
    }
  }

  /// The largest magnitude under each scale; not finite where a weight is not.
  float[] largest(HostTensor weight) {
    float[] all = new float[Math.toIntExact(scaleShape.elements())];
    Parallel.forRange(
        weight.elements(),
        QuantizedTensor.GRAIN,
        (from, to) ->
            FloatRuns.read(
                weight.data(),
                weight.dtype(),
                from,
                to,
                (at, count, floats) ->
                    split(
                        at,
                        count,
                        (scale, offset, length) -> {
                          float largest =
                              FloatKernels.get()
                                  .largest(floats.asSlice(4L * offset, 4L * length), length);
                          merge(all, scale, largest);
                        })));
    return all;
  }

  /// As bit patterns, in which NaN is above all. The larger of two numbers does not depend on the
  /// order.
  private static void merge(float[] all, int at, float value) {
    synchronized (all) {
      int larger = Math.max(Float.floatToRawIntBits(all[at]), Float.floatToRawIntBits(value));
      all[at] = Float.intBitsToFloat(larger);
    }
  }

  /// Throws if a magnitude is not finite.
  static void requireFinite(String name, HostTensor weight, float[] largest) {
    for (float magnitude : largest) {
      if (!(magnitude <= Float.MAX_VALUE)) {
        throw Quantizer.notFinite(name, weight, 0, Float.MAX_VALUE);
      }
    }
  }
}
