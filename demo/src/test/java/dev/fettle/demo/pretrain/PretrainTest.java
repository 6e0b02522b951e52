package dev.fettle.demo.pretrain;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.finetune.RunRecord;
import dev.fettle.finetune.TrainingListener;
import dev.fettle.model.CausalLm;
import dev.fettle.model.Generator;
import dev.fettle.model.LoadOptions;
import dev.fettle.model.SamplingOptions;
import dev.fettle.text.Tokenizer;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The command that made the embedded model, at a smaller size.
class PretrainTest {
  private static final ModelShape SMALL = new ModelShape(512, 32, 64, 2, 4, 2, 64);
  private static final int STEPS = 80;

  /// The first loss is ln 512 = 6.2 nats; knowing no more than how often each token occurs already
  /// gives less than this.
  private static final double LEARNED = 5.0;

  @Test
  void theLossFallsAndTheResultIsAModel(@TempDir Path temporary) {
    Path output = temporary.resolve("world");
    RunRecord record =
        Pretrain.run(
            new PretrainOptions(output, SMALL, STEPS, 4, 64, 1e-2, 1, null, false),
            TrainingListener.NONE);

    assertThat(record.steps()).isEqualTo(STEPS);
    assertThat(record.losses().getFirst()).isBetween(6.0, 6.5);
    assertThat(mean(record.losses().subList(STEPS - 10, STEPS))).isLessThan(LEARNED);
    assertThat(generate(output.resolve("model"))).isNotBlank();
  }

  private static String generate(Path folder) {
    try (CausalLm model = CausalLm.load(folder, LoadOptions.defaults());
        Tokenizer tokenizer = Tokenizer.load(folder);
        Generator generator = new Generator(model, SamplingOptions.greedy(), 32, true)) {
      List<Integer> ids =
          generator.generate(tokenizer.encode(" So", true), 16, id -> false, id -> true);
      return tokenizer.decode(ids.stream().mapToInt(Integer::intValue).toArray(), false);
    }
  }

  private static double mean(List<Double> values) {
    return values.stream().mapToDouble(Double::doubleValue).average().orElseThrow();
  }
}
