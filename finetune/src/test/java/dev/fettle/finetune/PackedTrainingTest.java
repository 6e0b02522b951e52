package dev.fettle.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.tensor.DType;
import dev.fettle.text.Dataset;
import dev.fettle.text.PackingStrategy;
import dev.fettle.text.Sample;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The same samples in every step, however they are laid out: the same loss and gradients.
class PackedTrainingTest {
  private static final int LENGTH = 24;

  private static final int SAMPLES = 9;

  private static final int STEPS = 4;

  /// Relative, of loss and gradient norm: sums of float32 in another order, through three updates.
  private static final double SAME = 2e-5;

  @TempDir Path folder;

  @Test
  void packedIsExactlyUnpacked() throws IOException {
    Path model = TinyModel.write(folder.resolve("model"));
    Dataset alone = samples();
    Dataset packed = alone.packed(PackingStrategy.BFD, LENGTH, 7);
    assertThat(packed.size()).isBetween(2, SAMPLES / 2);
    History expected = train(model, alone, SAMPLES, 1);
    assertThat(expected.losses().getLast()).isLessThan(expected.losses().getFirst());
    same(train(model, packed, packed.size(), 1), expected);
  }

  /// Nine micro-batches with between 1 and 19 targets each weigh as one batch of nine.
  @Test
  void everyTokenWeighsTheSameAcrossAccumulation() throws IOException {
    Path model = TinyModel.write(folder.resolve("model"));
    Dataset alone = samples();
    Dataset packed = alone.packed(PackingStrategy.BFD, LENGTH, 7);
    History expected = train(model, alone, SAMPLES, 1);
    same(train(model, alone, 1, SAMPLES), expected);
    same(train(model, alone, 3, 3), expected);
    same(train(model, packed, 1, packed.size()), expected);
  }

  private static void same(History found, History expected) {
    assertThat(found.losses()).hasSize(STEPS);
    for (int step = 0; step < STEPS; step++) {
      double loss = expected.losses().get(step);
      double norm = expected.gradNorms().get(step);
      assertThat(found.losses().get(step)).isCloseTo(loss, within(SAME * loss));
      assertThat(found.gradNorms().get(step)).isCloseTo(norm, within(SAME * norm));
    }
  }

  private static Dataset samples() {
    Random random = new Random(3);
    List<Sample> samples = new ArrayList<>();
    for (int i = 0; i < SAMPLES; i++) {
      int length = i == 0 ? 20 : 3 + random.nextInt(10);
      int[] ids = random.ints(length, 1, 32).toArray();
      int[] labels = ids.clone();
      Arrays.fill(labels, 0, i == 0 ? 0 : 1 + random.nextInt(length - 2), Sample.IGNORE);
      samples.add(new Sample(ids, labels));
    }
    return Dataset.of(samples);
  }

  private static History train(Path folder, Dataset data, int batchSize, int accumulation) {
    TrainingOptions options =
        TrainingOptions.builder()
            .maxSteps(STEPS)
            .batchSize(batchSize)
            .gradientAccumulationSteps(accumulation)
            .learningRate(1e-2)
            .maxGradNorm(0)
            .build();
    History history = new History();
    try (CausalLm model =
            CausalLm.load(
                folder, LoadOptions.defaults().withComputeDtype(DType.F32).withTrainable(true));
        FlatParameters parameters = new FlatParameters(model.baseParameters(), DType.F32);
        Optimizer optimizer = Optimizer.create(parameters, options)) {
      Trainer trainer =
          new Trainer(
              model,
              parameters,
              optimizer,
              options,
              new Trainer.TrainingData(data, null, 0),
              false,
              history,
              new LossesTest.NoCheckpoints(),
              Phases.none(),
              TrainingListener.NONE);
      assertThat(trainer.run()).isFalse();
    }
    return history;
  }
}
