package dev.fettle.quantize;

import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;

/// Weights that tests quantize.
public final class TestWeights {
  private TestWeights() {}

  /// The input of the anchor vectors: `x[i] = (((i·37) mod 101) − 50) / 50`.
  public static float[] anchor(int count) {
    float[] x = new float[count];
    for (int i = 0; i < count; i++) {
      x[i] = (float) (((i * 37L) % 101 - 50) / 50.0);
    }
    return x;
  }

  /// Normally distributed with standard deviation 0.02, in native memory.
  public static HostTensor normal(long seed, DType dtype, long... dims) {
    Shape shape = Shape.of(dims);
    float[] values = new float[(int) shape.elements()];
    Random random = new Random(seed);
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (0.02 * random.nextGaussian());
    }
    return of(values, dtype, dims);
  }

  /// These numbers as `dtype`, in native memory.
  public static HostTensor of(float[] values, DType dtype, long... dims) {
    MemorySegment data = Arena.ofAuto().allocate((long) values.length * dtype.bytes());
    Casts.fromFloat(MemorySegment.ofArray(values), values.length, dtype, data);
    return new HostTensor(dtype, Shape.of(dims), data);
  }

  /// The dequantized weight.
  public static float[] floats(QuantizedTensor quantized) {
    MemorySegment out = Arena.ofAuto().allocate(4 * quantized.shape().elements());
    quantized.dequantize(DType.F32, out);
    return new HostTensor(DType.F32, quantized.shape(), out).toFloats();
  }
}
