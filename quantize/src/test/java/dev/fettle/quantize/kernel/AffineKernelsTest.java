package dev.fettle.quantize.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.quantize.TestWeights;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.kernel.Kernels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class AffineKernelsTest {
  private static final DType[] DTYPES = {DType.F32, DType.F16, DType.BF16};

  private final AffineKernels scalar = new ScalarAffineKernels();
  private final AffineKernels vector = new VectorAffineKernels();
  private final Arena arena = Arena.ofAuto();

  @Test
  void vectorKernelsAreInUseWhereTheProcessorHasThem() {
    assertThat(AffineKernels.get() instanceof VectorAffineKernels).isEqualTo(Kernels.vectorized());
  }

  /// Lengths around those of vectors, groups that vectors fill and that they do not.
  static Stream<Arguments> rows() {
    return Stream.of(1, 7, 8, 15, 16, 17, 31, 48, 64, 65, 160, 1000, 1 << 15)
        .flatMap(count ->
            Stream.of(1, 5, 16, 24, 32, 128, count)
                .filter(group -> group <= count)
                .map(group -> Arguments.of(count, group)));
  }

  @ParameterizedTest
  @MethodSource("rows")
  void rangesAgree(int count, int group) {
    for (DType dtype : DTYPES) {
      MemorySegment weight = weight(dtype, count);
      int runs = (count + group - 1) / group;
      float[][] expected = startRanges(runs);
      float[][] actual = startRanges(runs);
      scalar.ranges(weight, dtype, count, group, expected[0], expected[1]);
      vector.ranges(weight, dtype, count, group, actual[0], actual[1]);
      assertThat(actual).isDeepEqualTo(expected);
    }
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void rangesShowWhatIsNotFinite(float bad) {
    for (int group : new int[] {1, 16, 100}) {
      for (int at : new int[] {0, 37, 99}) {
        float[] values = new float[100];
        values[at] = bad;
        MemorySegment weight = TestWeights.of(values, DType.F32, 100).data();
        weight.setAtIndex(
            ValueLayout.JAVA_INT,
            at,
            Float.isNaN(bad) ? 0xFFC00001 : Float.floatToRawIntBits(bad)); // NaN with a sign
        int runs = (100 + group - 1) / group;
        float[][] expected = startRanges(runs);
        float[][] actual = startRanges(runs);
        scalar.ranges(weight, DType.F32, 100, group, expected[0], expected[1]);
        vector.ranges(weight, DType.F32, 100, group, actual[0], actual[1]);
        assertThat(Arrays.equals(actual[0], expected[0])).as("group %d", group).isTrue(); // any NaN
        assertThat(Arrays.equals(actual[1], expected[1])).as("group %d", group).isTrue();
      }
    }
  }

  private static float[][] startRanges(int runs) {
    float[][] ranges = new float[2][runs];
    Arrays.fill(ranges[0], Float.POSITIVE_INFINITY);
    Arrays.fill(ranges[1], Float.NEGATIVE_INFINITY);
    return ranges;
  }

  @ParameterizedTest
  @MethodSource("rows")
  void codesAndWeightsAgree(int count, int group) {
    for (int bits = 2; bits <= 8; bits++) {
      int lowest = bits == 8 ? -128 : 0;
      int zeroCode = bits == 8 ? 0 : 1 << (bits - 1);
      AffineKernels.CodeRange range =
          new AffineKernels.CodeRange(bits, lowest + 1, lowest + (1 << bits) - 1);
      int runs = (count + group - 1) / group;
      float[] scales = new float[runs];
      float[] zeros = new float[runs];
      Random random = new Random(bits);
      for (int run = 0; run < runs; run++) {
        scales[run] = (float) Math.exp(random.nextGaussian() * 3) / (1 << bits);
        zeros[run] = zeroCode + random.nextInt(-2, 3);
      }
      long bytes = bits == 8 ? count : ((long) count * bits + 31) / 32 * 4;
      for (DType dtype : DTYPES) {
        MemorySegment weight = weight(dtype, count);
        MemorySegment codes = arena.allocate(bytes);
        MemorySegment vectorCodes = arena.allocate(bytes);
        scalar.quantize(weight, dtype, count, group, scales, zeros, range, codes);
        vector.quantize(weight, dtype, count, group, scales, zeros, range, vectorCodes);
        assertThat(vectorCodes.mismatch(codes)).as("%d bits of %s", bits, dtype).isEqualTo(-1);
        MemorySegment out = arena.allocate((long) count * dtype.bytes());
        MemorySegment vectorOut = arena.allocate((long) count * dtype.bytes());
        scalar.dequantize(codes, bits, count, group, scales, zeros, dtype, out);
        vector.dequantize(codes, bits, count, group, scales, zeros, dtype, vectorOut);
        assertThat(vectorOut.mismatch(out)).as("%d bits to %s", bits, dtype).isEqualTo(-1);
      }
    }
  }

  /// Groups that are not runs of neighbours, and those that are.
  @ParameterizedTest
  @ValueSource(ints = {1, 8, 17, 64, 65, 1000})
  void weightsWithAGroupIndexAgree(int count) {
    Random random = new Random(count);
    int runs = 7;
    float[] scales = new float[runs];
    float[] zeros = new float[runs];
    for (int run = 0; run < runs; run++) {
      scales[run] = (float) Math.exp(random.nextGaussian() * 3);
      zeros[run] = random.nextInt(-2, 3);
    }
    int[] groups = random.ints(count, 0, runs).toArray();
    int[] neighbours = IntStream.range(0, count).map(i -> i / 200).toArray();
    for (int bits = 2; bits <= 8; bits++) {
      long bytes = bits == 8 ? count : ((long) count * bits + 31) / 32 * 4;
      MemorySegment codes = arena.allocate(bytes);
      for (long i = 0; i < bytes; i++) {
        codes.set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt());
      }
      for (DType dtype : DTYPES) {
        MemorySegment out = arena.allocate((long) count * dtype.bytes());
        MemorySegment vectorOut = arena.allocate((long) count * dtype.bytes());
        scalar.dequantize(codes, bits, groups, scales, zeros, dtype, out);
        vector.dequantize(codes, bits, groups, scales, zeros, dtype, vectorOut);
        assertThat(vectorOut.mismatch(out)).as("%d bits to %s", bits, dtype).isEqualTo(-1);
        scalar.dequantize(codes, bits, neighbours, scales, zeros, dtype, vectorOut);
        scalar.dequantize(codes, bits, count, 200, scales, zeros, dtype, out);
        assertThat(vectorOut.mismatch(out)).as("%d bits to %s", bits, dtype).isEqualTo(-1);
      }
    }
  }

  /// Quotients exactly halfway between two codes, and far beyond the last one.
  @Test
  void tiesAndOverflowAgree() {
    float[] values = new float[4096];
    for (int i = 0; i < values.length; i++) {
      values[i] = i % 7 == 0 ? (i - 2048) * 1e30f : (i - 2048) / 16f;
    }
    MemorySegment weight = TestWeights.of(values, DType.F32, 4096).data();
    for (float scale : new float[] {0.125f, 0.1f, 1e-38f}) {
      AffineKernels.CodeRange range = new AffineKernels.CodeRange(8, -128, 127);
      MemorySegment codes = arena.allocate(4096);
      MemorySegment vectorCodes = arena.allocate(4096);
      float[] scales = {scale};
      float[] zeros = {-3};
      scalar.quantize(weight, DType.F32, 4096, 4096, scales, zeros, range, codes);
      vector.quantize(weight, DType.F32, 4096, 4096, scales, zeros, range, vectorCodes);
      assertThat(vectorCodes.mismatch(codes)).isEqualTo(-1);
    }
  }

  /// A row in the middle of others: what belongs to its neighbours stays as it is.
  @Test
  void neighboursStayAsTheyAre() {
    for (int bits = 2; bits < 8; bits++) {
      int count = 96;
      long bytes = count * bits / 8;
      MemorySegment all = arena.allocate(3 * bytes);
      all.fill((byte) 0x5A);
      vector.quantize(
          weight(DType.F32, count),
          DType.F32,
          count,
          32,
          new float[] {1, 1, 1},
          new float[3],
          new AffineKernels.CodeRange(bits, 0, (1 << bits) - 1),
          all.asSlice(bytes, bytes));
      MemorySegment untouched = arena.allocate(bytes);
      untouched.fill((byte) 0x5A);
      assertThat(all.asSlice(0, bytes).mismatch(untouched)).isEqualTo(-1);
      assertThat(all.asSlice(2 * bytes, bytes).mismatch(untouched)).isEqualTo(-1);
    }
  }

  private static MemorySegment weight(DType dtype, int count) {
    float[] values = new float[count];
    Random random = new Random(count);
    for (int i = 0; i < count; i++) {
      values[i] = i % 11 == 0 ? -0.0f : (float) random.nextGaussian();
    }
    return TestWeights.of(values, dtype, count).data();
  }
}
