package dev.fettle.demo.pretrain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.finetune.RunRecord;
import dev.fettle.finetune.TrainingListener;
import dev.fettle.model.CausalLm;
import dev.fettle.model.Generator;
import dev.fettle.model.LoadOptions;
import dev.fettle.model.SamplingOptions;
import dev.fettle.tensor.UserException;
import dev.fettle.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
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

  /// The sentence has eleven words: guessing among them gives ln 11 = 2.4 nats.
  private static final double SENTENCE = 2.0;

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

  /// Any text will do; its end is kept for validation.
  @Test
  void learnsAGivenText(@TempDir Path temporary) throws IOException {
    Path text = temporary.resolve("text.txt");
    Files.writeString(text, "the cat sat on the mat and the dog lay on the log. ".repeat(2000));
    Path output = temporary.resolve("out");
    RunRecord record =
        Pretrain.run(
            new PretrainOptions(output, SMALL, 40, 4, 64, 1e-2, 1, text, false),
            TrainingListener.NONE);
    assertThat(record.losses().getLast()).isLessThan(SENTENCE);
    assertThat(record.validationLosses().getLast().loss()).isLessThan(SENTENCE);
    assertThat(Files.size(output.resolve("held-out.txt"))).isPositive();
  }

  @Test
  void aMissingTextIsOneSentence(@TempDir Path temporary) {
    PretrainOptions options =
        PretrainOptions.ofText(temporary.resolve("out"), temporary.resolve("none.txt"));
    assertThatThrownBy(() -> Pretrain.run(options, TrainingListener.NONE))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("none.txt");
    assertThat(temporary.resolve("out")).doesNotExist();
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
