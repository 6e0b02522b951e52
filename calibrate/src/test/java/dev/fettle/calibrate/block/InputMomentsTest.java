package dev.fettle.calibrate.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.tensor.DType;
import org.junit.jupiter.api.Test;

class InputMomentsTest {
  @Test
  void sumsOfTwoBatches() {
    try (Scope scope = Scope.open();
        InputMoments moments = new InputMoments(2)) {
      moments.add(Tensors.of(new float[] {1, -2, 3, 4}, 2, 2));
      moments.add(Tensors.of(new float[] {-5, 0.5f}, 1, 2).to(DType.BF16));
      assertThat(moments.rows()).isEqualTo(3);
      assertThat(moments.gram().toFloats()).containsExactly(35, 7.5f, 7.5f, 20.25f);
      assertThat(moments.meanAbs()).containsExactly(3, 6.5 / 3);
      assertThat(moments.absMax()).containsExactly(5, 4);
      assertThat(moments.min()).isEqualTo(-5);
      assertThat(moments.max()).isEqualTo(4);
      moments.divide(new float[] {0.5f, 4});
      assertThat(moments.gram().toFloats()).containsExactly(140, 3.75f, 3.75f, 20.25f / 16);
      assertThat(moments.absMax()).containsExactly(10, 1);
      assertThat(moments.meanAbs()[1]).isEqualTo(6.5 / 12, within(1e-15));
    }
  }

  @Test
  void anErrorOfTheWeightsCostsWhatItDoesToTheOutputs() {
    try (Scope scope = Scope.open();
        InputMoments moments = new InputMoments(8)) {
      Tensor x = Tensors.normal(1, 50, 8);
      moments.add(x);
      Tensor delta = Tensors.normal(2, 3, 8);
      Tensor outputs = x.linear(delta);
      double direct = outputs.mul(outputs).sum().item();
      double energy = OutputError.energy(delta.to(DType.F64), moments.gram());
      assertThat(energy).isCloseTo(direct, within(1e-5 * direct)); // float32 sums of 400 products
    }
  }
}
