package dev.fettle.calibrate.block;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.calibrate.Comparison;
import dev.fettle.calibrate.OutlierModel;
import dev.fettle.calibrate.smoothquant.SmoothQuant;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.model.BlockRunner;
import dev.fettle.model.Linear;
import dev.fettle.model.LoadOptions;
import dev.fettle.model.LoadedBlock;
import dev.fettle.model.Weight;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Map;
import java.util.SequencedMap;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FoldedBlockTest {
  /// Relative to the largest output: float32 rounding of sums of 512 products.
  private static final float ROUNDING = 2e-5f;

  private static final int[][] IDS = Comparison.text(4).samples().toArray(int[][]::new);

  @TempDir Path folder;

  /// The scales go through the norms, rounded to bfloat16, and back in the weights.
  @Test
  void smoothingTakesTheOutliersAndLeavesTheOutputs() {
    Path model = folder.resolve("outliers");
    OutlierModel.write(Comparison.embeddedModel(), model, OutlierModel.defaults());
    LoadOptions float32 = LoadOptions.defaults().withComputeDtype(DType.F32);
    try (BlockRunner runner = BlockRunner.open(model, float32);
        LoadedBlock block = runner.load(1);
        Arena arena = Arena.ofShared();
        Scope scope = Scope.open()) {
      Tensor hidden = runner.embed(IDS);
      float[] before = block.run(hidden, IDS.length, IDS[0].length).toFloats();
      BlockData data =
          new BlockData(
              block,
              runner.checkpoint(),
              Map.of(),
              null,
              arena,
              () -> {
                try (Scope inner = Scope.open()) {
                  block.run(hidden, IDS.length, IDS[0].length);
                }
              },
              BlockListener.none());
      SequencedMap<InputGroup, InputMoments> moments = data.observe(data.groups());
      double spread = spread(moments.firstEntry().getValue());
      FoldedBlock folded = new SmoothQuant(0.5, null).smooth(data, moments);
      assertThat(folded.changed()).hasSize(2);
      assertThat(folded.folds()).hasSize(5);
      replaceAll(block, folded);
      float[] after = block.run(hidden, IDS.length, IDS[0].length).toFloats();
      assertThat(largestDifference(before, after)).isLessThan(ROUNDING * largest(before));
      try (InputMoments smoothed = data.observe(data.groups()).firstEntry().getValue()) {
        assertThat(spread(smoothed)).isLessThan(spread / 4);
        assertThat(smoothed.gram().toFloats()[5])
            .isCloseTo(
                folded.moments(data.groups().getFirst()).gram().toFloats()[5],
                Percentage.withPercentage(0.1));
      }
      moments.values().forEach(InputMoments::close);
    }
  }

  private static void replaceAll(LoadedBlock block, FoldedBlock folded) {
    for (Linear linear : block.linears().values()) {
      linear.weight(new Weight.Dense(Tensors.copyOf(folded.weight(linear))));
    }
    folded
        .changed()
        .forEach((name, norm) -> {
          HostTensor values = HostTensor.of(norm.toFloats(), norm.elements());
          Tensor weight = Tensors.copyOf(values);
          if (name.contains("input_layernorm")) {
            block.inputNorm(weight);
          } else {
            block.postAttentionNorm(weight);
          }
        });
  }

  /// The largest input over the mean of the channels' largest.
  private static double spread(InputMoments moments) {
    double sum = 0;
    double most = 0;
    for (float value : moments.absMax()) {
      sum += value / moments.features();
      most = Math.max(most, value);
    }
    return most / sum;
  }

  private static float largest(float[] values) {
    return largestDifference(values, new float[values.length]);
  }

  private static float largestDifference(float[] a, float[] b) {
    float most = 0;
    for (int i = 0; i < a.length; i++) {
      most = Math.max(most, Math.abs(a[i] - b[i]));
    }
    return most;
  }
}
