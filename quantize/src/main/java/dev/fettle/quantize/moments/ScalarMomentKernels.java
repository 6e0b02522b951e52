package dev.fettle.quantize.moments;

import static dev.fettle.tensor.HostTensor.F32_LAYOUT;

import dev.fettle.quantize.DynamicMap;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// The definition: one parameter at a time.
public final class ScalarMomentKernels implements MomentKernels {
  private final float[] signed = DynamicMap.values();
  private final float[] unsigned = DynamicMap.unsignedValues();

  @Override
  public void step(
      AdamStep step, MemorySegment values, MemorySegment grads, MomentBlocks moments, long count) {
    float[] first = new float[MomentBlocks.BLOCK];
    float[] second = new float[MomentBlocks.BLOCK];
    for (long block = 0; block < MomentBlocks.blocks(count); block++) {
      long from = block * MomentBlocks.BLOCK;
      int length = (int) Math.min(MomentBlocks.BLOCK, count - from);
      dequantize(moments.first(), moments.firstAbsmax(), signed, block, length, first);
      dequantize(moments.second(), moments.secondAbsmax(), unsigned, block, length, second);
      for (int i = 0; i < length; i++) {
        update(step, values, grads, from, i, first, second);
      }
      quantize(moments.first(), moments.firstAbsmax(), signed, block, length, first);
      quantize(moments.second(), moments.secondAbsmax(), unsigned, block, length, second);
    }
  }

  /// Parameter `from + i`, whose moments are element `i` of the arrays.
  static void update(
      AdamStep step,
      MemorySegment values,
      MemorySegment grads,
      long from,
      int i,
      float[] first,
      float[] second) {
    long at = (from + i) * Float.BYTES;
    float g = grads.get(F32_LAYOUT, at);
    float m = first[i] * step.beta1() + step.gradWeight1() * g;
    float v = second[i] * step.beta2() + step.gradWeight2() * g * g;
    float denominator = (float) Math.sqrt(v) / step.rootCorrection2() + step.epsilon();
    float value = values.get(F32_LAYOUT, at) * step.decay() + step.stepSize() * m / denominator;
    values.set(F32_LAYOUT, at, value);
    grads.set(F32_LAYOUT, at, 0);
    first[i] = m;
    second[i] = v;
  }

  private static void dequantize(
      MemorySegment codes,
      MemorySegment absmax,
      float[] map,
      long block,
      int length,
      float[] moments) {
    float scale = absmax.get(F32_LAYOUT, block * Float.BYTES);
    for (int i = 0; i < length; i++) {
      int index = codes.get(ValueLayout.JAVA_BYTE, block * MomentBlocks.BLOCK + i) & 0xFF;
      moments[i] = map[index] * scale;
    }
  }

  private static void quantize(
      MemorySegment codes,
      MemorySegment absmax,
      float[] map,
      long block,
      int length,
      float[] moments) {
    float largest = 0;
    for (int i = 0; i < length; i++) {
      largest = Math.max(largest, Math.abs(moments[i]));
    }
    float scale = largest == 0 ? 1 : largest;
    absmax.set(F32_LAYOUT, block * Float.BYTES, scale);
    for (int i = 0; i < length; i++) {
      int index = DynamicMap.nearest(map, moments[i] / scale);
      codes.set(ValueLayout.JAVA_BYTE, block * MomentBlocks.BLOCK + i, (byte) index);
    }
  }
}
