package dev.fettle.quantize.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.quantize.Float8Format;
import dev.fettle.quantize.TestWeights;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.kernel.Kernels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class FloatKernelsTest {
  private final FloatKernels scalar = new ScalarFloatKernels();
  private final FloatKernels vector = new VectorFloatKernels();
  private final Arena arena = Arena.ofAuto();

  @Test
  void vectorKernelsAreInUseWhereTheProcessorHasThem() {
    assertThat(FloatKernels.get() instanceof VectorFloatKernels).isEqualTo(Kernels.vectorized());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 7, 8, 15, 16, 17, 33, 1000})
  void largestAgrees(int count) {
    MemorySegment weight = weight(count);
    assertThat(vector.largest(weight, count)).isEqualTo(scalar.largest(weight, count));
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void largestShowsWhatIsNotFinite(float bad) {
    for (int at : new int[] {0, 17, 32}) {
      float[] values = new float[33];
      values[at] = bad;
      MemorySegment weight = TestWeights.of(values, DType.F32, 33).data();
      assertThat(Float.isFinite(scalar.largest(weight, 33))).isFalse();
      assertThat(Float.isFinite(vector.largest(weight, 33))).isFalse();
    }
  }

  static Stream<Arguments> float8Cases() {
    return Stream.of(Float8Format.values())
        .flatMap(format ->
            Stream.of(1, 15, 16, 17, 31, 1000, 1 << 17).map(count -> Arguments.of(format, count)));
  }

  @ParameterizedTest
  @MethodSource("float8Cases")
  void float8TwinsAgree(Float8Format format, int count) {
    MemorySegment weight = weight(count);
    for (float scale : new float[] {1, 1e-4f, 0.0173f, 1e-30f}) {
      MemorySegment codes = arena.allocate(count);
      MemorySegment vectorCodes = arena.allocate(count);
      scalar.quantizeFloat8(format, weight, count, scale, codes);
      vector.quantizeFloat8(format, weight, count, scale, vectorCodes);
      assertThat(vectorCodes.mismatch(codes)).isEqualTo(-1);
      MemorySegment out = arena.allocate(4L * count);
      MemorySegment vectorOut = arena.allocate(4L * count);
      scalar.dequantizeFloat8(format, codes, count, scale, out);
      vector.dequantizeFloat8(format, codes, count, scale, vectorOut);
      assertThat(vectorOut.mismatch(out)).isEqualTo(-1);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 32, 64, 96, 1056, 1 << 17})
  void mxfp4TwinsAgree(int count) {
    MemorySegment weight = weight(count);
    MemorySegment packed = arena.allocate(count / 2);
    MemorySegment vectorPacked = arena.allocate(count / 2);
    MemorySegment exponents = arena.allocate(count / 32);
    MemorySegment vectorExponents = arena.allocate(count / 32);
    scalar.quantizeMxfp4(weight, count, packed, exponents);
    vector.quantizeMxfp4(weight, count, vectorPacked, vectorExponents);
    assertThat(vectorExponents.mismatch(exponents)).isEqualTo(-1);
    assertThat(vectorPacked.mismatch(packed)).isEqualTo(-1);
    MemorySegment out = arena.allocate(4L * count);
    MemorySegment vectorOut = arena.allocate(4L * count);
    scalar.dequantizeMxfp4(packed, exponents, count, out);
    vector.dequantizeMxfp4(packed, exponents, count, vectorOut);
    assertThat(vectorOut.mismatch(out)).isEqualTo(-1);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 16, 32, 48, 1040, 1 << 17})
  void nvfp4TwinsAgree(int count) {
    MemorySegment weight = weight(count);
    MemorySegment packed = arena.allocate(count / 2);
    MemorySegment vectorPacked = arena.allocate(count / 2);
    MemorySegment scales = arena.allocate(count / 16);
    MemorySegment vectorScales = arena.allocate(count / 16);
    float globalScale = 2688 / Math.max(scalar.largest(weight, count), 1e-30f);
    scalar.quantizeNvfp4(weight, count, globalScale, packed, scales);
    vector.quantizeNvfp4(weight, count, globalScale, vectorPacked, vectorScales);
    assertThat(vectorScales.mismatch(scales)).isEqualTo(-1);
    assertThat(vectorPacked.mismatch(packed)).isEqualTo(-1);
    MemorySegment out = arena.allocate(4L * count);
    MemorySegment vectorOut = arena.allocate(4L * count);
    scalar.dequantizeNvfp4(packed, scales, count, globalScale, out);
    vector.dequantizeNvfp4(packed, scales, count, globalScale, vectorOut);
    assertThat(vectorOut.mismatch(out)).isEqualTo(-1);
  }

  /// Normal weights at very different scales; some exactly halfway between codes, some zero.
  private static MemorySegment weight(int count) {
    float[] scales = {0.02f, 1, 3000, 1e-6f, 1e-40f, 0, 1e30f, 1e-4f};
    float[] values = new float[count];
    Random random = new Random(count);
    for (int i = 0; i < count; i++) {
      float scale = scales[i / 32 % scales.length];
      float drawn = i % 3 == 0 ? random.nextInt(-24, 25) / 4f : (float) random.nextGaussian();
      values[i] = drawn * scale;
    }
    return TestWeights.of(values, DType.F32, count).data();
  }
}
