package dev.fettle.quantize.matvec;

import static dev.fettle.tensor.HostTensor.F32_LAYOUT;
import static dev.fettle.tensor.HostTensor.I16_LAYOUT;

import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// The definition: one weight at a time.
public final class ScalarMatVecKernels implements MatVecKernels {
  @Override
  public float dot(MemorySegment weights, DType dtype, float[] x, int from, int count) {
    float sum = 0;
    for (int k = 0; k < count; k++) {
      sum += load(weights, dtype, k) * x[from + k];
    }
    return sum;
  }

  static float load(MemorySegment weights, DType dtype, long k) {
    return switch (dtype) {
      case F32 -> weights.get(F32_LAYOUT, 4 * k);
      case BF16 -> Casts.bf16ToFloat(weights.get(I16_LAYOUT, 2 * k));
      case F16, F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
          throw new IllegalArgumentException("rows are float32 or bfloat16, not " + dtype);
    };
  }

  @Override
  public float dotInt8(
      MemorySegment codes,
      float[] x,
      int from,
      int count,
      int groupSize,
      float[] scales,
      float[] zeros) {
    float sum = 0;
    for (int group = 0; group * groupSize < count; group++) {
      float part = 0;
      for (int k = group * groupSize; k < (group + 1) * groupSize; k++) {
        part += (codes.get(ValueLayout.JAVA_BYTE, k) - zeros[group]) * x[from + k];
      }
      sum += part * scales[group];
    }
    return sum;
  }

  @Override
  public float dotInt4(
      MemorySegment codes,
      float[] x,
      int from,
      int count,
      int groupSize,
      float[] scales,
      float[] zeros) {
    float sum = 0;
    int odd = from + count / 2;
    for (int group = 0; group * groupSize < count; group++) {
      float part = 0;
      for (int pair = group * groupSize / 2; pair < (group + 1) * groupSize / 2; pair++) {
        int both = codes.get(ValueLayout.JAVA_BYTE, pair) & 0xFF;
        part += ((both & 0xF) - zeros[group]) * x[from + pair];
        part += ((both >>> 4) - zeros[group]) * x[odd + pair];
      }
      sum += part * scales[group];
    }
    return sum;
  }
}
