package dev.fettle.quantize.moments;

import static dev.fettle.tensor.HostTensor.F32_LAYOUT;

import dev.fettle.quantize.DynamicMap;
import dev.fettle.tensor.kernel.VectorSupport;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// The same bits as the scalar twin. The arithmetic runs a vector at a time; the way through the
/// maps is two look-ups per moment, see {@link NearestTable}. Heap segments go to the scalar twin.
public final class VectorMomentKernels implements MomentKernels {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final VectorSpecies<Float> FLOATS = VectorSupport.FLOATS;
  private static final int LANES = VectorSupport.LANES;

  private final ScalarMomentKernels scalar = new ScalarMomentKernels();
  private final float[] signed = DynamicMap.values();
  private final float[] unsigned = DynamicMap.unsignedValues();
  private final NearestTable nearestSigned = new NearestTable(signed);
  private final NearestTable nearestUnsigned = new NearestTable(unsigned);

  @Override
  public void step(
      AdamStep step, MemorySegment values, MemorySegment grads, MomentBlocks moments, long count) {
    if (!values.isNative() || !grads.isNative() || !moments.first().isNative()) {
      scalar.step(step, values, grads, moments, count);
      return;
    }
    float[] first = new float[MomentBlocks.BLOCK];
    float[] second = new float[MomentBlocks.BLOCK];
    for (long block = 0; block < MomentBlocks.blocks(count); block++) {
      long from = block * MomentBlocks.BLOCK;
      int length = (int) Math.min(MomentBlocks.BLOCK, count - from);
      lookUp(moments.first(), signed, from, length, first);
      lookUp(moments.second(), unsigned, from, length, second);
      scale(first, length, moments.firstAbsmax().get(F32_LAYOUT, block * Float.BYTES));
      scale(second, length, moments.secondAbsmax().get(F32_LAYOUT, block * Float.BYTES));
      update(step, values, grads, from, length, first, second);
      float firstLargest = normalise(first, length);
      float secondLargest = normalise(second, length);
      moments.firstAbsmax().set(F32_LAYOUT, block * Float.BYTES, firstLargest);
      moments.secondAbsmax().set(F32_LAYOUT, block * Float.BYTES, secondLargest);
      store(first, nearestSigned, from, length, moments.first());
      store(second, nearestUnsigned, from, length, moments.second());
    }
  }

  private static void lookUp(
      MemorySegment codes, float[] map, long from, int length, float[] moments) {
    for (int i = 0; i < length; i++) {
      moments[i] = map[codes.get(ValueLayout.JAVA_BYTE, from + i) & 0xFF];
    }
  }

  private static void scale(float[] moments, int length, float absmax) {
    int bound = length & -LANES;
    for (int i = 0; i < bound; i += LANES) {
      FloatVector.fromArray(FLOATS, moments, i).mul(absmax).intoArray(moments, i);
    }
    for (int i = bound; i < length; i++) {
      moments[i] *= absmax;
    }
  }

  private static void update(
      AdamStep step,
      MemorySegment values,
      MemorySegment grads,
      long from,
      int length,
      float[] first,
      float[] second) {
    FloatVector zero = FloatVector.zero(FLOATS);
    FloatVector stepSize = FloatVector.broadcast(FLOATS, step.stepSize());
    int bound = length & -LANES;
    for (int i = 0; i < bound; i += LANES) {
      long at = (from + i) * Float.BYTES;
      FloatVector g = FloatVector.fromMemorySegment(FLOATS, grads, at, ORDER);
      FloatVector m =
          FloatVector.fromArray(FLOATS, first, i).mul(step.beta1()).add(g.mul(step.gradWeight1()));
      FloatVector v =
          FloatVector.fromArray(FLOATS, second, i)
              .mul(step.beta2())
              .add(g.mul(step.gradWeight2()).mul(g));
      FloatVector denominator = v.sqrt().div(step.rootCorrection2()).add(step.epsilon());
      FloatVector.fromMemorySegment(FLOATS, values, at, ORDER)
          .mul(step.decay())
          .add(stepSize.mul(m).div(denominator))
          .intoMemorySegment(values, at, ORDER);
      zero.intoMemorySegment(grads, at, ORDER);
      m.intoArray(first, i);
      v.intoArray(second, i);
    }
    for (int i = bound; i < length; i++) {
      ScalarMomentKernels.update(step, values, grads, from, i, first, second);
    }
  }

  /// Divides by the largest magnitude.
  ///
  /// @return that magnitude, or 1 if it is 0
  private static float normalise(float[] moments, int length) {
    int bound = length & -LANES;
    FloatVector lanes = FloatVector.zero(FLOATS);
    for (int i = 0; i < bound; i += LANES) {
      lanes = lanes.max(FloatVector.fromArray(FLOATS, moments, i).abs());
    }
    float largest = lanes.reduceLanes(VectorOperators.MAX);
    for (int i = bound; i < length; i++) {
      largest = Math.max(largest, Math.abs(moments[i]));
    }
    float absmax = largest == 0 ? 1 : largest;
    for (int i = 0; i < bound; i += LANES) {
      FloatVector.fromArray(FLOATS, moments, i).div(absmax).intoArray(moments, i);
    }
    for (int i = bound; i < length; i++) {
      moments[i] /= absmax;
    }
    return absmax;
  }

  private static void store(
      float[] normalised, NearestTable nearest, long from, int length, MemorySegment codes) {
    for (int i = 0; i < length; i++) {
      byte index = nearest.nearest(Float.floatToRawIntBits(normalised[i]));
      codes.set(ValueLayout.JAVA_BYTE, from + i, index);
    }
  }
}
