package dev.fettle.quantize.ggml;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.quantize.GgmlType;
import dev.fettle.quantize.TestWeights;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.kernel.Kernels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class GgmlKernelsTest {
  private final GgmlKernels scalar = new ScalarGgmlKernels();
  private final GgmlKernels vector = new VectorGgmlKernels();
  private final Arena arena = Arena.ofAuto();

  @Test
  void vectorKernelsAreInUseWhereTheProcessorHasThem() {
    assertThat(GgmlKernels.get() instanceof VectorGgmlKernels).isEqualTo(Kernels.vectorized());
  }

  @ParameterizedTest
  @EnumSource
  void twinsAgree(GgmlType type) {
    for (int blocks : new int[] {0, 1, 2, 3, 5, 16, 17}) {
      assertTwinsAgree(type, Arrays.copyOf(GgmlSamples.values(), blocks * type.blockSize()));
    }
    assertTwinsAgree(type, GgmlSamples.values());
  }

  /// Blocks that mix zeros of both signs, ties between codes, and magnitudes far apart.
  @ParameterizedTest
  @EnumSource
  void twinsAgreeOnOddBlocks(GgmlType type) {
    Random random = new Random(3);
    float[] magnitudes = {1, 0.5f, 127, 1e-3f, 1e-7f, 1e-20f, 6e4f, 0};
    float[] values = new float[256 * 999];
    for (int i = 0; i < values.length; i++) {
      float magnitude = magnitudes[i / 32 % magnitudes.length];
      float drawn = random.nextInt(-16, 17) / 16f;
      values[i] = random.nextInt(9) == 0 ? -0.0f : drawn * magnitude;
    }
    assertTwinsAgree(type, values);
  }

  private void assertTwinsAgree(GgmlType type, float[] values) {
    MemorySegment weights = TestWeights.of(values, DType.F32, values.length).data();
    MemorySegment blocks = arena.allocate(type.bytes(values.length));
    MemorySegment vectorBlocks = arena.allocate(type.bytes(values.length));
    scalar.quantize(type, weights, values.length, blocks);
    vector.quantize(type, weights, values.length, vectorBlocks);
    long at = vectorBlocks.mismatch(blocks);
    assertThat(at < 0 ? at : at / type.blockBytes()).as("first differing block").isEqualTo(-1);
    assertSameWeights(type, blocks, values.length);
  }

  /// Any bytes are blocks of something; the scales are kept finite.
  @ParameterizedTest
  @EnumSource
  void twinsAgreeOnRandomBytes(GgmlType type) {
    int count = 256 * 64;
    byte[] bytes = new byte[(int) type.bytes(count)];
    new Random(4).nextBytes(bytes);
    MemorySegment blocks = arena.allocate(bytes.length);
    for (int i = 0; i < bytes.length; i++) {
      blocks.set(ValueLayout.JAVA_BYTE, i, (byte) (bytes[i] & 0xBF)); // exponents below the highest
    }
    assertSameWeights(type, blocks, count);
  }

  /// A float32 sum of n products is off by at most n roundings of the sum of their magnitudes, in
  /// either order.
  @ParameterizedTest
  @EnumSource
  void twinsMultiplyTheSameWeights(GgmlType type) {
    Random random = new Random(6);
    for (int blocks : new int[] {0, 1, 2, 3, 17}) {
      int count = blocks * type.blockSize();
      float[] values = Arrays.copyOf(GgmlSamples.values(), count);
      MemorySegment packed = arena.allocate(type.bytes(count));
      scalar.quantize(type, TestWeights.of(values, DType.F32, count).data(), count, packed);
      float[] x = new float[count + 5];
      for (int i = 0; i < x.length; i++) {
        x[i] = (float) random.nextGaussian();
      }
      MemorySegment weights = arena.allocate(4L * count);
      scalar.dequantize(type, packed, count, weights);
      double exact = 0;
      double magnitude = 0;
      for (int i = 0; i < count; i++) {
        double product = (double) Bytes.f32(weights, 4L * i) * x[5 + i];
        exact += product;
        magnitude += Math.abs(product);
      }
      double tolerance = 0x1p-24 * (count + 2) * magnitude;
      assertThat((double) vector.dot(type, packed, count, x, 5))
          .isCloseTo(exact, within(tolerance));
      assertThat((double) scalar.dot(type, packed, count, x, 5))
          .isCloseTo(exact, within(tolerance));
    }
  }

  private void assertSameWeights(GgmlType type, MemorySegment blocks, int count) {
    MemorySegment out = arena.allocate(4L * count);
    MemorySegment vectorOut = arena.allocate(4L * count);
    scalar.dequantize(type, blocks, count, out);
    vector.dequantize(type, blocks, count, vectorOut);
    assertThat(vectorOut.mismatch(out)).isEqualTo(-1);
  }
}
