package dev.fettle.doctor;

import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import java.lang.foreign.MemorySegment;

/// What was seen of the numbers of one tensor.
final class NumberScan {
  /// Numbers looked at together.
  private static final int RUN = 1 << 14;

  /// Runs looked at when not all are.
  private static final int RUNS = 16;

  private final Shape shape;
  private long looked;
  private long broken;
  private long first = -1;
  private float firstValue;
  private boolean allZero = true;

  private NumberScan(Shape shape) {
    this.shape = shape;
  }

  /// Whether numbers of this dtype can be NaN or infinite, and are converted here.
  static boolean reads(DType dtype) {
    return dtype == DType.F32 || dtype == DType.F16 || dtype == DType.BF16;
  }

  /// @param deep whether to look at all numbers; else at runs from the first to the last
  static NumberScan of(HostTensor tensor, boolean deep) {
    NumberScan scan = new NumberScan(tensor.shape());
    long elements = tensor.elements();
    long runs = Math.ceilDiv(elements, (long) RUN);
    long looked = deep ? runs : Math.min(runs, RUNS);
    for (long i = 0; i < looked; i++) {
      long run = looked == runs ? i : i * (runs - 1) / (looked - 1);
      long from = run * RUN;
      scan.run(tensor, from, (int) Math.min(RUN, elements - from));
    }
    return scan;
  }

  private void run(HostTensor tensor, long from, int count) {
    int bytes = tensor.dtype().bytes();
    HostTensor part =
        new HostTensor(
            tensor.dtype(),
            Shape.of(count),
            tensor.data().asSlice(from * bytes, (long) count * bytes));
    float[] values = new float[count];
    Casts.toFloat(part, MemorySegment.ofArray(values));
    looked += count;
    for (int i = 0; i < count; i++) {
      float value = values[i];
      allZero &= value == 0;
      if (!Float.isFinite(value)) {
        if (broken++ == 0) {
          first = from + i;
          firstValue = value;
        }
      }
    }
  }

  long looked() {
    return looked;
  }

  /// How many are NaN or infinite.
  long broken() {
    return broken;
  }

  boolean allZero() {
    return allZero && looked > 0;
  }

  /// What the first broken one is.
  String kind() {
    return Float.isNaN(firstValue) ? "NaN" : "infinite numbers";
  }

  /// The place of the first broken one, such as `[3, 17]`.
  String where() {
    StringBuilder place = new StringBuilder("]");
    long rest = first;
    for (int dim = shape.rank() - 1; dim >= 0; dim--) {
      place.insert(0, rest % shape.dim(dim)).insert(0, dim == 0 ? "[" : ", ");
      rest /= shape.dim(dim);
    }
    return shape.rank() == 0 ? "[]" : place.toString();
  }
}
