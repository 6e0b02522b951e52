package dev.fettle.calibrate;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.calibrate.block.InputMoments;
import dev.fettle.engine.Scope;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OutlierModelTest {
  private static final int[][] IDS = {{5, 300, 41, 7, 99, 512, 3}};

  @TempDir Path folder;

  @Test
  void logitsKeepEveryBitAndSomeChannelsGrow() {
    Path output = folder.resolve("outliers");
    OutlierModel.write(EmbeddedModel.folder(), output, OutlierModel.defaults());
    try (CausalLm base = CausalLm.load(EmbeddedModel.folder(), LoadOptions.defaults());
        CausalLm changed = CausalLm.load(output, LoadOptions.defaults());
        Scope scope = Scope.open()) {
      assertThat(changed.logits(IDS).toFloats()).isEqualTo(base.logits(IDS).toFloats());
      for (String layer : new String[] {"self_attn.v_proj", "mlp.up_proj"}) {
        float[] before = largest(base, "model.layers.2." + layer);
        float[] after = largest(changed, "model.layers.2." + layer);
        int grown = 0;
        for (int j = 0; j < before.length; j++) {
          assertThat(after[j] / before[j]).isIn(1f, 64f);
          grown += after[j] == before[j] ? 0 : 1;
        }
        assertThat(grown).isEqualTo(4);
      }
      assertThat(largest(changed, "model.layers.2.mlp.down_proj"))
          .isEqualTo(largest(base, "model.layers.2.mlp.down_proj"));
    }
  }

  /// The largest input of each channel.
  private static float[] largest(CausalLm model, String path) {
    try (InputMoments moments = new InputMoments(model.linear(path).weight().in())) {
      model.linear(path).observe(moments::add);
      try (Scope scope = Scope.open()) {
        model.logits(IDS);
      }
      model.linear(path).observe(null);
      assertThat(moments.rows()).isEqualTo(Arrays.stream(IDS).mapToInt(row -> row.length).sum());
      return moments.absMax();
    }
  }
}
