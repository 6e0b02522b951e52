package dev.fettle.quantize.matvec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.quantize.QuantizedTensor;
import dev.fettle.quantize.Quantizer;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.kernel.Kernels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class MatVecKernelsTest {
  /// A float32 sum of n products is off by at most n roundings of the sum of their magnitudes; with
  /// n roundings of products and scales beside them, twice that. In practice the errors cancel.
  private static final double PER_PRODUCT = 2 * 0x1p-24;

  private final MatVecKernels scalar = new ScalarMatVecKernels();
  private final MatVecKernels vector = new VectorMatVecKernels();
  private final Arena arena = Arena.ofAuto();

  @Test
  void theVectorTwinIsInUseWhereTheProcessorHasIt() {
    assertThat(scalar.getClass()).isNotEqualTo(vector.getClass());
    assertThat(MatVecKernels.get() instanceof VectorMatVecKernels).isEqualTo(Kernels.vectorized());
  }

  @ParameterizedTest
  @CsvSource({"1,1", "17,17", "64,64", "96,32", "4096,4096", "4101,4101", "4096,128", "60,20"})
  void twinsAgreeOnInt8(int count, int groupSize) {
    Random random = new Random(count);
    int groups = count / groupSize;
    MemorySegment codes = random(count, random);
    float[] x = normal(count + 3, random);
    float[] scales = normal(groups, random);
    for (float zero : new float[] {0, -7}) {
      float[] zeros = new float[groups];
      java.util.Arrays.fill(zeros, zero);
      float expected = scalar.dotInt8(codes, x, 3, count, groupSize, scales, zeros);
      float found = vector.dotInt8(codes, x, 3, count, groupSize, scales, zeros);
      // codes below 136, numbers and scales below 5
      assertThat(found).isCloseTo(expected, within(tolerance(count, 136 * 5 * 5)));
    }
  }

  @ParameterizedTest
  @CsvSource({"2,2", "34,34", "64,32", "4096,128", "4096,4096", "96,16"})
  void twinsAgreeOnInt4(int count, int groupSize) {
    Random random = new Random(count);
    int groups = count / groupSize;
    MemorySegment codes = random(count / 2, random);
    float[] x = normal(count + 3, random);
    float[] scales = normal(groups, random);
    float[] zeros = new float[groups];
    for (int group = 0; group < groups; group++) {
      zeros[group] = random.nextInt(16);
    }
    float expected = scalar.dotInt4(codes, x, 3, count, groupSize, scales, zeros);
    float found = vector.dotInt4(codes, x, 3, count, groupSize, scales, zeros);
    assertThat(found).isCloseTo(expected, within(tolerance(count, 15 * 5 * 5)));
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "BF16"})
  void twinsAgreeOnNumbers(DType dtype) {
    Random random = new Random(7);
    for (int count : new int[] {0, 1, 15, 16, 33, 4099}) {
      float[] weights = normal(count, random);
      MemorySegment segment = arena.allocate((long) count * dtype.bytes());
      dev.fettle.tensor.Casts.fromFloat(MemorySegment.ofArray(weights), count, dtype, segment);
      float[] x = normal(count + 2, random);
      assertThat(vector.dot(segment, dtype, x, 2, count))
          .isCloseTo(scalar.dot(segment, dtype, x, 2, count), within(tolerance(count, 5 * 5)));
    }
  }

  private static float tolerance(int count, double largest) {
    return (float) (PER_PRODUCT * count * largest + Float.MIN_VALUE);
  }

  /// Against the dequantized weight, in float64.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "int8:sym:channel",
        "int8:asym:tensor",
        "int8:sym:group=32",
        "uint8:asym:channel",
        "int4:asym:group=64",
        "int4:sym:channel",
        "uint4:asym:group=32",
        "int3:sym:group=64",
        "int8:sym:channel=1",
        "nf4:group=64",
        "nf4:group=64:double",
        "fp8_e4m3:channel",
        "llm.int8",
        "q8_0",
        "q4_0",
        "q5_1",
        "q4_k",
        "iq4_xs"
      })
  void equalsTheDequantizedProduct(String scheme) {
    int outputs = 37;
    int columns = scheme.matches("q._k|iq4_xs") ? 512 : 192;
    Random random = new Random(5);
    QuantizedTensor weight =
        Quantizer.quantize(
            "w",
            HostTensor.of(normal(outputs * columns, random), outputs, columns),
            Scheme.parse(scheme),
            arena);
    MemorySegment numbers = arena.allocate(4L * outputs * columns);
    weight.dequantize(DType.F32, numbers);
    for (int rows : new int[] {0, 1, 3}) {
      float[] x = normal(rows * columns, random);
      float[] y = new float[rows * outputs];
      new MatVec(weight, DType.F32).multiply(x, rows, y);
      for (int i = 0; i < y.length; i++) {
        double expected = 0;
        double magnitude = 0;
        for (int k = 0; k < columns; k++) {
          long at = 4L * (i % outputs * columns + k);
          double product =
              (double) numbers.get(HostTensor.F32_LAYOUT, at) * x[i / outputs * columns + k];
          expected += product;
          magnitude += Math.abs(product);
        }
        assertThat((double) y[i])
            .isCloseTo(expected, within(2 * PER_PRODUCT * columns * magnitude));
      }
    }
  }

  private MemorySegment random(int count, Random random) {
    byte[] values = new byte[count];
    random.nextBytes(values);
    return arena.allocate(count).copyFrom(MemorySegment.ofArray(values));
  }

  private static float[] normal(int count, Random random) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
