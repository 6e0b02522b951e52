package dev.fettle.tensor.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.MxFloats;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Random;
import jdk.incubator.vector.IntVector;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CastKernelsTest {
  private static final int RANDOM_FLOATS = 1 << 20;

  private final CastKernels scalar = new ScalarCastKernels();
  private final CastKernels vector = new VectorCastKernels();
  private final Arena arena = Arena.ofAuto();

  @Test
  void vectorKernelsAreInUseWhereTheProcessorHasThem() {
    assertThat(Kernels.vectorized()).isEqualTo(IntVector.SPECIES_PREFERRED.vectorBitSize() >= 256);
    assertThat(Kernels.casts() instanceof VectorCastKernels).isEqualTo(Kernels.vectorized());
  }

  @Test
  void everyBfloat16WidensToTheSameFloat() {
    MemorySegment halves = allHalves();
    assertSame(run(scalar::bf16ToFloat, halves, 2, 4), run(vector::bf16ToFloat, halves, 2, 4), 4);
  }

  /// Hardware may set the quiet bit of a float16 NaN, so NaNs only have to stay NaNs.
  @Test
  void everyFloat16WidensToTheSameFloat() {
    MemorySegment halves = allHalves();
    MemorySegment expected = run(scalar::f16ToFloat, halves, 2, 4);
    MemorySegment actual = run(vector::f16ToFloat, halves, 2, 4);
    for (long i = 0; i < 65536; i++) {
      float e = expected.get(HostTensor.F32_LAYOUT, 4 * i);
      float a = actual.get(HostTensor.F32_LAYOUT, 4 * i);
      assertThat(Float.isNaN(a)).as("half %x", i).isEqualTo(Float.isNaN(e));
      if (!Float.isNaN(e)) {
        assertThat(Float.floatToRawIntBits(a))
            .as("half %x", i)
            .isEqualTo(Float.floatToRawIntBits(e));
      }
    }
  }

  @Test
  void floatsRoundToTheSameBfloat16() {
    MemorySegment floats = manyFloats();
    assertSame(run(scalar::floatToBf16, floats, 4, 2), run(vector::floatToBf16, floats, 4, 2), 2);
  }

  @Test
  void floatsRoundToTheSameFloat16() {
    MemorySegment floats = manyFloats();
    MemorySegment expected = run(scalar::floatToF16, floats, 4, 2);
    MemorySegment actual = run(vector::floatToF16, floats, 4, 2);
    for (long i = 0; i < floats.byteSize() / 4; i++) {
      short e = expected.get(HostTensor.I16_LAYOUT, 2 * i);
      short a = actual.get(HostTensor.I16_LAYOUT, 2 * i);
      boolean nan = (e & 0x7FFF) > 0x7C00;
      if (nan ? (a & 0x7FFF) <= 0x7C00 : a != e) {
        float value = floats.get(HostTensor.F32_LAYOUT, 4 * i);
        assertThat(a).as("%a", value).isEqualTo(e);
      }
    }
  }

  @Test
  void everyFloat8WidensToTheSameFloat() {
    MemorySegment codes = arena.allocate(256);
    for (int code = 0; code < 256; code++) {
      codes.set(ValueLayout.JAVA_BYTE, code, (byte) code);
    }
    assertSame(run(scalar::e4m3ToFloat, codes, 1, 4), run(vector::e4m3ToFloat, codes, 1, 4), 4);
    assertSame(run(scalar::e5m2ToFloat, codes, 1, 4), run(vector::e5m2ToFloat, codes, 1, 4), 4);
  }

  @Test
  void floatsRoundToTheSameFloat8AndFloat4() {
    assertFloat8Same(manyFloats());
  }

  /// All 2^32 of them, a part at a time.
  @Test
  @Tag("heavy")
  void everyFloatRoundsToTheSameSmallFloat() {
    int part = 1 << 22;
    MemorySegment floats = arena.allocate(4L * part);
    for (long first = 0; first < 1L << 32; first += part) {
      for (int i = 0; i < part; i++) {
        floats.setAtIndex(HostTensor.I32_LAYOUT, i, (int) (first + i));
      }
      assertFloat8Same(floats);
      assertSame(run(scalar::floatToBf16, floats, 4, 2), run(vector::floatToBf16, floats, 4, 2), 2);
    }
  }

  private void assertFloat8Same(MemorySegment floats) {
    assertSame(run(scalar::floatToE4m3, floats, 4, 1), run(vector::floatToE4m3, floats, 4, 1), 1);
    assertSame(run(scalar::floatToE5m2, floats, 4, 1), run(vector::floatToE5m2, floats, 4, 1), 1);
    assertSame(run(this::scalarE2m1, floats, 4, 1), run(this::vectorE2m1, floats, 4, 1), 1);
  }

  private void scalarE2m1(MemorySegment source, MemorySegment target, long count) {
    for (long i = 0; i < count; i++) {
      float value = source.get(HostTensor.F32_LAYOUT, 4 * i);
      target.set(ValueLayout.JAVA_BYTE, i, (byte) MxFloats.floatToE2m1(value));
    }
  }

  private void vectorE2m1(MemorySegment source, MemorySegment target, long count) {
    long bound = count & -VectorSupport.LANES;
    for (long i = 0; i < bound; i += VectorSupport.LANES) {
      IntVector bits =
          IntVector.fromMemorySegment(VectorSupport.INTS, source, 4 * i, ByteOrder.LITTLE_ENDIAN);
      SmallFloatLanes.narrow(SmallFloatLanes.toE2m1(bits))
          .intoMemorySegment(target, i, ByteOrder.LITTLE_ENDIAN);
    }
    scalarE2m1(source.asSlice(4 * bound), target.asSlice(bound), count - bound);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 15, 16, 17, 31, 33, 1000})
  void lengthsThatDoNotFillAVector(int count) {
    MemorySegment floats = manyFloats().asSlice(4, 4L * count);
    MemorySegment expected = run(scalar::floatToBf16, floats, 4, 2);
    assertSame(expected, run(vector::floatToBf16, floats, 4, 2), 2);
    assertSame(
        run(scalar::bf16ToFloat, expected, 2, 4), run(vector::bf16ToFloat, expected, 2, 4), 4);
    assertFloat8Same(floats);
    MemorySegment codes = run(scalar::floatToE4m3, floats, 4, 1);
    assertSame(run(scalar::e4m3ToFloat, codes, 1, 4), run(vector::e4m3ToFloat, codes, 1, 4), 4);
  }

  /// Values from the definition of the formats.
  @Test
  void knownValues() {
    MemorySegment floats =
        MemorySegment.ofArray(
            new float[] {1, -2, 0x1.01p0f, 0x1.03p0f, Float.MAX_VALUE, Float.NaN, 65504, 65520});
    MemorySegment bf16 = run(scalar::floatToBf16, floats, 4, 2);
    assertThat(bf16.toArray(HostTensor.I16_LAYOUT))
        .containsExactly(0x3F80, (short) 0xC000, 0x3F80, 0x3F82, 0x7F80, 0x7FC0, 0x4780, 0x4780);
    MemorySegment f16 = run(scalar::floatToF16, floats, 4, 2);
    assertThat(f16.toArray(HostTensor.I16_LAYOUT))
        .containsExactly(0x3C00, (short) 0xC000, 0x3C04, 0x3C0C, 0x7C00, 0x7E00, 0x7BFF, 0x7C00);
  }

  private interface Cast {
    void run(MemorySegment source, MemorySegment target, long count);
  }

  private MemorySegment run(Cast cast, MemorySegment source, int from, int to) {
    long count = source.byteSize() / from;
    MemorySegment target = Arena.ofAuto().allocate(count * to); // freed as soon as it was compared
    cast.run(source, target, count);
    return target;
  }

  private static void assertSame(MemorySegment expected, MemorySegment actual, int width) {
    long at = expected.mismatch(actual);
    assertThat(at < 0 ? at : at / width).as("first differing number").isEqualTo(-1);
  }

  private MemorySegment allHalves() {
    MemorySegment halves = arena.allocate(2 * 65536);
    for (int i = 0; i < 65536; i++) {
      halves.set(HostTensor.I16_LAYOUT, 2L * i, (short) i);
    }
    return halves;
  }

  /// Random bit patterns (all exponents, subnormal numbers, NaN), then each half and bfloat16 with
  /// its neighbours and midpoints.
  private MemorySegment manyFloats() {
    MemorySegment floats = arena.allocate(4L * (RANDOM_FLOATS + 6 * 65536));
    Random random = new Random(7);
    long at = 0;
    for (int i = 0; i < RANDOM_FLOATS; i++) {
      floats.setAtIndex(HostTensor.I32_LAYOUT, at++, random.nextInt());
    }
    for (int half = 0; half < 65536; half++) {
      int bf16Middle = half << 16 | 0x8000;
      int f16Middle = Float.floatToRawIntBits(Float.float16ToFloat((short) half)) | 0x1000;
      for (int middle : new int[] {bf16Middle, f16Middle}) {
        floats.setAtIndex(HostTensor.I32_LAYOUT, at++, middle - 1);
        floats.setAtIndex(HostTensor.I32_LAYOUT, at++, middle);
        floats.setAtIndex(HostTensor.I32_LAYOUT, at++, middle + 1);
      }
    }
    return floats;
  }
}
