package dev.fettle.demo.pretrain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.demo.world.World;
import dev.fettle.text.Tokenizer;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RandomModelTest {
  private static final ModelShape SMALL = new ModelShape(512, 32, 64, 2, 4, 2, 128);

  @Test
  void theFolderIsAModelWithATokenizer(@TempDir Path temporary) {
    Path folder = temporary.resolve("model");
    RandomModel.write(folder, SMALL, 5);

    try (Checkpoint model = Checkpoint.open(folder);
        Tokenizer tokenizer = Tokenizer.load(folder)) {
      assertThat(model.config().hiddenSize()).isEqualTo(32);
      assertThat(model.config().tieWordEmbeddings()).isTrue();
      assertThat(tokenizer.vocabSize()).isEqualTo(512);
      assertThat(tokenizer.bosId()).isEqualTo(RandomModel.BEGIN_ID);
      assertThat(tokenizer.eosId()).isEqualTo(RandomModel.END_ID);
      assertThat(model.tensor("model.norm.weight").toFloats()).containsOnly(1f);
      // 32 × 32 draws: the sample deviation is within 10 % of 0.02 (four standard errors).
      assertThat(deviation(model.tensor("model.layers.1.self_attn.q_proj.weight").toFloats()))
          .isCloseTo(0.02, within(0.002));
    }
  }

  @Test
  void textSurvivesTheTokenizer(@TempDir Path temporary) {
    Path folder = temporary.resolve("model");
    RandomModel.write(folder, SMALL, 5);

    try (Tokenizer tokenizer = Tokenizer.load(folder)) {
      String text = World.prose(9, 2000);
      int[] ids = tokenizer.encode(text, false);

      assertThat(tokenizer.decode(ids, false)).isEqualTo(text);
      assertThat(ids[0]).isEqualTo(RandomModel.BEGIN_ID);
      assertThat(ids).contains(RandomModel.END_ID);
      assertThat(tokenizer.encode("a", true)).startsWith(RandomModel.BEGIN_ID);
      assertThat(tokenizer.decode(tokenizer.encode("Ünï\t\u20ac", false), true))
          .isEqualTo("Ünï\t\u20ac");
    }
  }

  @Test
  void sizesAreWhatTheyAreSaidToBe() {
    assertThat(ModelShape.EMBEDDED.parameters()).isEqualTo(2_623_744);
  }

  private static double deviation(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += (double) value * value;
    }
    return Math.sqrt(sum / values.length);
  }
}
