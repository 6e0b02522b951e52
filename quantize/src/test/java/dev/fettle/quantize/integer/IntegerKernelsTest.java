package dev.fettle.quantize.integer;

import static dev.fettle.tensor.HostTensor.F32_LAYOUT;
import static dev.fettle.tensor.HostTensor.I32_LAYOUT;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.kernel.Kernels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class IntegerKernelsTest {
  private final IntegerKernels scalar = new ScalarIntegerKernels();
  private final IntegerKernels vector = new VectorIntegerKernels();
  private final Arena arena = Arena.ofAuto();

  @Test
  void theVectorTwinIsInUseWhereTheProcessorHasIt() {
    assertThat(scalar.getClass()).isNotEqualTo(vector.getClass());
    assertThat(IntegerKernels.get() instanceof VectorIntegerKernels)
        .isEqualTo(Kernels.vectorized());
  }

  /// By hand: (1, −2, 3) · (4, 5, −6) = −24, (1, −2, 3) · (−128, 127, 0) = −382.
  @Test
  void theDefinition() {
    MemorySegment a = bytes(1, -2, 3);
    MemorySegment b = bytes(4, 5, -6, -128, 127, 0);
    MemorySegment sums = arena.allocate(8);
    scalar.multiply(a, 1, b, 2, 0, 2, 3, sums);
    assertThat(sums.get(I32_LAYOUT, 0)).isEqualTo(-24);
    assertThat(sums.get(I32_LAYOUT, 4)).isEqualTo(-382);
    assertThat(scalar.sum(b, 6)).isEqualTo(2);
  }

  private MemorySegment bytes(int... values) {
    MemorySegment segment = arena.allocate(values.length);
    for (int i = 0; i < values.length; i++) {
      segment.set(ValueLayout.JAVA_BYTE, i, (byte) values[i]);
    }
    return segment;
  }

  @ParameterizedTest
  @CsvSource({"0,3,16", "1,1,1", "1,5,15", "3,7,17", "2,9,63", "5,3,65", "4,2,4096", "1,2,40000"})
  void twinsMultiplyAlike(int rows, int outputs, int columns) {
    Random random = new Random(columns);
    MemorySegment a = random(rows * columns, random);
    MemorySegment b = random(outputs * columns, random);
    MemorySegment expected = arena.allocate(4L * rows * outputs);
    MemorySegment found = arena.allocate(4L * rows * outputs);
    scalar.multiply(a, rows, b, outputs, 0, outputs, columns, expected);
    long middle = outputs / 2;
    vector.multiply(a, rows, b, outputs, 0, middle, columns, found);
    vector.multiply(a, rows, b, outputs, middle, outputs, columns, found);
    assertThat(found.mismatch(expected)).isEqualTo(-1);
    assertThat(vector.sum(b, outputs * columns)).isEqualTo(scalar.sum(b, outputs * columns));
  }

  /// The largest sums there are, with as many columns as int32 holds.
  @ParameterizedTest
  @CsvSource({"-128,-128", "-128,127", "127,127"})
  void nothingSaturates(byte a, byte b) {
    int columns = Math.toIntExact(IntegerKernels.MAX_COLUMNS);
    MemorySegment left = arena.allocate(columns).fill(a);
    MemorySegment right = arena.allocate(columns).fill(b);
    for (IntegerKernels kernels : new IntegerKernels[] {scalar, vector}) {
      MemorySegment sums = arena.allocate(4);
      kernels.multiply(left, 1, right, 1, 0, 1, columns, sums);
      assertThat(sums.get(I32_LAYOUT, 0)).isEqualTo(a * b * columns);
      assertThat((long) sums.get(I32_LAYOUT, 0)).isEqualTo((long) a * b * columns);
    }
  }

  /// Against the sum over numbers less their zero points, in float64.
  @ParameterizedTest
  @CsvSource({"0,0", "3,0", "-128,0", "0,5", "127,-7", "-128,127"})
  void zeroPointsAreTakenOut(int activationZero, int weightZero) {
    int columns = 37;
    Random random = new Random(1);
    MemorySegment a = random(columns, random);
    MemorySegment b = random(columns, random);
    MemorySegment sums = arena.allocate(4);
    scalar.multiply(a, 1, b, 1, 0, 1, columns, sums);
    WeightFactors weights =
        new WeightFactors(
            columns,
            new float[] {0.5f},
            new int[] {weightZero},
            new int[] {scalar.sum(b, columns)});
    IntegerKernels.ActivationRow row =
        new IntegerKernels.ActivationRow(0.25f, activationZero, scalar.sum(a, columns));
    MemorySegment out = arena.allocate(4);
    scalar.rescale(sums, row, weights, 2, DType.F32, out);
    long expected = 0;
    for (int k = 0; k < columns; k++) {
      expected +=
          (long) (a.get(ValueLayout.JAVA_BYTE, k) - activationZero)
              * (b.get(ValueLayout.JAVA_BYTE, k) - weightZero);
    }
    assertThat(out.get(F32_LAYOUT, 0)).isEqualTo(expected * 0.25f); // a power of two: exact
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "BF16"})
  void twinsRescaleAlike(DType target) {
    Random random = new Random(6);
    for (int outputs : new int[] {1, 15, 16, 33, 1000}) {
      MemorySegment sums = arena.allocate(4L * outputs);
      float[] scales = new float[outputs];
      for (int i = 0; i < outputs; i++) {
        sums.set(I32_LAYOUT, 4L * i, random.nextInt());
        scales[i] = random.nextFloat();
      }
      for (boolean zeros : new boolean[] {false, true}) {
        int[] none = {};
        WeightFactors weights =
            new WeightFactors(
                77,
                scales,
                zeros ? random.ints(outputs, -128, 128).toArray() : none,
                random.ints(outputs, -9000, 9000).toArray());
        for (int zero : new int[] {0, -128, 11}) {
          IntegerKernels.ActivationRow row =
              new IntegerKernels.ActivationRow(0.037f, zero, random.nextInt(9000));
          MemorySegment expected = arena.allocate((long) outputs * target.bytes());
          MemorySegment found = arena.allocate((long) outputs * target.bytes());
          scalar.rescale(sums, row, weights, 6.200124e-05f, target, expected);
          vector.rescale(sums, row, weights, 6.200124e-05f, target, found);
          assertThat(found.mismatch(expected)).isEqualTo(-1);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "BF16"})
  void twinsFindTheSameMaxima(DType dtype) {
    Random random = new Random(2);
    for (int columns : new int[] {1, 16, 31, 500}) {
      float[] expected = new float[columns];
      float[] found = new float[columns];
      for (int row = 0; row < 5; row++) {
        MemorySegment x = random(columns * dtype.bytes(), random); // with NaN and infinity
        scalar.raiseMaxima(x, dtype, expected);
        vector.raiseMaxima(x, dtype, found);
        assertThat(found).isEqualTo(expected);
      }
    }
  }

  private MemorySegment random(int count, Random random) {
    byte[] values = new byte[count];
    random.nextBytes(values);
    return arena.allocate(count).copyFrom(MemorySegment.ofArray(values));
  }
}
