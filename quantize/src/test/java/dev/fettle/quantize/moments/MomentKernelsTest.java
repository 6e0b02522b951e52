package dev.fettle.quantize.moments;

import static dev.fettle.tensor.HostTensor.F32_LAYOUT;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.quantize.DynamicMap;
import dev.fettle.tensor.kernel.Kernels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MomentKernelsTest {
  private final MomentKernels scalar = new ScalarMomentKernels();
  private final MomentKernels vector = new VectorMomentKernels();
  private final Arena arena = Arena.ofAuto();

  @Test
  void theVectorTwinIsInUseWhereTheProcessorHasIt() {
    assertThat(scalar.getClass()).isNotEqualTo(vector.getClass());
    assertThat(MomentKernels.get() instanceof VectorMomentKernels).isEqualTo(Kernels.vectorized());
  }

  /// Gradients over many magnitudes, so that every part of the maps is used; and a block of zeros.
  @ParameterizedTest
  @ValueSource(ints = {1, 15, 17, 255, 256, 257, 4096, 5 * 4096 + 97})
  void twinsAgreeToTheBit(int count) {
    Random random = new Random(count);
    Buffers one = new Buffers(count, random);
    Buffers other = one.copy();
    for (int t = 1; t <= 30; t++) {
      AdamStep step = AdamStep.of(0.9, 0.999, 1e-8, 0.01, t % 2 == 0 ? 0.1 : 0, t);
      for (int i = 0; i < count; i++) {
        boolean zeros = count > 512 && i < 256;
        float g =
            zeros ? 0 : (float) (random.nextGaussian() * Math.pow(10, -9 * random.nextDouble()));
        one.grads.set(F32_LAYOUT, 4L * i, g);
        other.grads.set(F32_LAYOUT, 4L * i, g);
      }
      scalar.step(step, one.values, one.grads, one.moments, count);
      vector.step(step, other.values, other.grads, other.moments, count);
      one.assertSame(other);
    }
    assertThat(one.grads.mismatch(arena.allocate(4L * count))).isEqualTo(-1);
  }

  /// Every cell's edges and the numbers around each decision, in both maps.
  @Test
  void theTableFindsWhatTheSearchFinds() {
    for (float[] map : new float[][] {DynamicMap.values(), DynamicMap.unsignedValues()}) {
      NearestTable table = new NearestTable(map);
      for (int i = 0; i + 1 < map.length; i++) {
        int middle = Float.floatToRawIntBits((map[i] + map[i + 1]) / 2);
        for (int step = -3000; step <= 3000; step++) {
          assertNearest(table, map, Float.intBitsToFloat(Math.addExact(middle, step)));
        }
      }
      for (int cell = 0; cell <= 0x3F80; cell++) {
        for (int bits : new int[] {cell << 16, (cell << 16) + 0xFFFF}) {
          assertNearest(table, map, Float.intBitsToFloat(bits));
          assertNearest(table, map, -Float.intBitsToFloat(bits));
        }
      }
    }
  }

  private static void assertNearest(NearestTable table, float[] map, float x) {
    float inside = Math.clamp(x, -1, 1);
    int found = table.nearest(Float.floatToRawIntBits(inside)) & 0xFF;
    if (found != DynamicMap.nearest(map, inside)) {
      assertThat(found).as("%s", inside).isEqualTo(DynamicMap.nearest(map, inside));
    }
  }

  /// A slice in the middle of a buffer does what the whole does to the same parameters.
  @Test
  void blocksAreIndependent() {
    int count = 10 * MomentBlocks.BLOCK + 5;
    Buffers whole = new Buffers(count, new Random(4));
    Buffers parts = whole.copy();
    AdamStep step = AdamStep.of(0.9, 0.95, 1e-6, 0.1, 0, 1);
    vector.step(step, whole.values, whole.grads, whole.moments, count);
    for (long from = 0; from < 11; from += 3) {
      long first = from * MomentBlocks.BLOCK;
      long length = Math.min(3 * MomentBlocks.BLOCK, count - first);
      vector.step(
          step,
          parts.values.asSlice(4 * first, 4 * length),
          parts.grads.asSlice(4 * first, 4 * length),
          parts.moments.slice(from, length),
          length);
    }
    whole.assertSame(parts);
  }

  /// What a step reads and writes.
  private final class Buffers {
    private final MemorySegment values;
    private final MemorySegment grads;
    private final MomentBlocks moments;

    Buffers(int count, Random random) {
      this(
          arena.allocate(4L * count),
          arena.allocate(4L * count),
          new MomentBlocks(
              arena.allocate(count),
              arena.allocate(4 * MomentBlocks.blocks(count)),
              arena.allocate(count),
              arena.allocate(4 * MomentBlocks.blocks(count))));
      for (int i = 0; i < count; i++) {
        values.set(F32_LAYOUT, 4L * i, (float) random.nextGaussian());
        grads.set(F32_LAYOUT, 4L * i, (float) random.nextGaussian());
      }
    }

    private Buffers(MemorySegment values, MemorySegment grads, MomentBlocks moments) {
      this.values = values;
      this.grads = grads;
      this.moments = moments;
    }

    Buffers copy() {
      return new Buffers(
          copyOf(values),
          copyOf(grads),
          new MomentBlocks(
              copyOf(moments.first()),
              copyOf(moments.firstAbsmax()),
              copyOf(moments.second()),
              copyOf(moments.secondAbsmax())));
    }

    private MemorySegment copyOf(MemorySegment segment) {
      return arena.allocate(segment.byteSize()).copyFrom(segment);
    }

    void assertSame(Buffers other) {
      assertThat(other.values.mismatch(values)).isEqualTo(-1);
      assertThat(other.moments.first().mismatch(moments.first())).isEqualTo(-1);
      assertThat(other.moments.firstAbsmax().mismatch(moments.firstAbsmax())).isEqualTo(-1);
      assertThat(other.moments.second().mismatch(moments.second())).isEqualTo(-1);
      assertThat(other.moments.secondAbsmax().mismatch(moments.secondAbsmax())).isEqualTo(-1);
    }
  }
}
