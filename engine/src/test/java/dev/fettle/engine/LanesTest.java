package dev.fettle.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Test;

class LanesTest {
  /// Units in the last place of the float32 result.
  private static final double ULPS = 2;

  @Test
  void expIsCloseToTheExactOne() {
    Random random = new Random(1);
    for (int i = 0; i < 20_000; i++) {
      float x = random.nextFloat() * 170 - 85;
      double exact = Math.exp(x);
      float found = Lanes.exp(FloatVector.broadcast(Lanes.FLOATS, x)).lane(Lanes.WIDTH - 1);
      assertThat(Math.abs(found - exact) / Math.ulp((float) exact)).as("e^%s", x).isLessThan(ULPS);
    }
    assertThat(exp(0)).isEqualTo(1);
    assertThat(exp(Float.NaN)).isNaN();
    assertThat(exp(-1000)).isBetween(0f, 1e-37f);
    assertThat(exp(1000)).isInfinite();
  }

  /// The same numbers before and after the compilers have seen the code.
  @Test
  void theSameInterpretedAndCompiled() {
    float[] values = new float[Lanes.WIDTH];
    Random random = new Random(2);
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    FloatVector x = FloatVector.fromArray(Lanes.FLOATS, values, 0);
    float sum = Lanes.sum(x);
    float[] exp = Lanes.exp(x).toArray();
    for (int i = 0; i < 50_000; i++) {
      if (Lanes.sum(x) != sum) {
        assertThat(Lanes.sum(x)).as("round %d", i).isEqualTo(sum);
      }
      float[] again = Lanes.exp(x).toArray();
      if (!Arrays.equals(again, exp)) {
        assertThat(again).as("round %d", i).isEqualTo(exp);
      }
    }
  }

  private static float exp(float x) {
    return Lanes.exp(FloatVector.broadcast(Lanes.FLOATS, x)).lane(0);
  }
}
