package dev.fettle.quantize.integer;

import static dev.fettle.tensor.HostTensor.F32_LAYOUT;
import static dev.fettle.tensor.HostTensor.I16_LAYOUT;
import static dev.fettle.tensor.HostTensor.I32_LAYOUT;

import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// The definition: one number at a time.
public final class ScalarIntegerKernels implements IntegerKernels {
  @Override
  public void multiply(
      MemorySegment a,
      int rows,
      MemorySegment b,
      long outputs,
      long from,
      long to,
      int columns,
      MemorySegment sums) {
    for (int row = 0; row < rows; row++) {
      for (long output = from; output < to; output++) {
        int sum = 0;
        for (int k = 0; k < columns; k++) {
          sum +=
              a.get(ValueLayout.JAVA_BYTE, (long) row * columns + k)
                  * b.get(ValueLayout.JAVA_BYTE, output * columns + k);
        }
        sums.set(I32_LAYOUT, 4 * (row * outputs + output), sum);
      }
    }
  }

  @Override
  public int sum(MemorySegment codes, int count) {
    int sum = 0;
    for (int k = 0; k < count; k++) {
      sum += codes.get(ValueLayout.JAVA_BYTE, k);
    }
    return sum;
  }

  @Override
  public void raiseMaxima(MemorySegment x, DType dtype, float[] maxima) {
    raiseMaxima(x, dtype, maxima, 0);
  }

  /// From element `first` on.
  static void raiseMaxima(MemorySegment x, DType dtype, float[] maxima, int first) {
    for (int k = first; k < maxima.length; k++) {
      maxima[k] = Math.max(maxima[k], Math.abs(load(x, dtype, k)));
    }
  }

  /// Element `i` of activations as float32.
  static float load(MemorySegment x, DType dtype, long i) {
    return switch (dtype) {
      case F32 -> x.get(F32_LAYOUT, 4 * i);
      case BF16 -> Casts.bf16ToFloat(x.get(I16_LAYOUT, 2 * i));
      case F16, F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
          throw new IllegalArgumentException("activations are float32 or bfloat16, not " + dtype);
    };
  }

  @Override
  public void rescale(
      MemorySegment sums,
      ActivationRow row,
      WeightFactors weights,
      float factor,
      DType target,
      MemorySegment out) {
    rescale(sums, row, weights, factor, target, out, 0);
  }

  /// The outputs from `first` on.
  static void rescale(
      MemorySegment sums,
      ActivationRow row,
      WeightFactors weights,
      float factor,
      DType target,
      MemorySegment out,
      int first) {
    for (int c = first; c < weights.outputs(); c++) {
      int sum = sums.get(I32_LAYOUT, 4L * c);
      if (row.zero() != 0) {
        sum -= row.zero() * weights.sums()[c];
      }
      if (weights.zeros().length > 0) {
        sum -= weights.zeros()[c] * (row.sum() - weights.columns() * row.zero());
      }
      store(out, target, c, sum * (row.scale() * weights.scales()[c]) * factor);
    }
  }

  private static void store(MemorySegment out, DType dtype, long i, float value) {
    switch (dtype) {
      case F32 -> out.set(F32_LAYOUT, 4 * i, value);
      case BF16 -> out.set(I16_LAYOUT, 2 * i, Casts.floatToBf16(value));
      case F16, F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
          throw new IllegalArgumentException("results are float32 or bfloat16, not " + dtype);
    }
  }
}
