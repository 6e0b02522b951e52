package dev.fettle.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.plan.Work.Training;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RemediesTest {
  @ParameterizedTest
  @ValueSource(
      longs = {1_300_000_000, 1_800_000_000, 2_500_000_000L, 4_000_000_000L, 12_000_000_000L})
  void whateverIsProposedFits(long available) {
    Training full = Shapes.training(null, null).withBatch(8, 1).withSeqLength(1024);
    List<Remedy> remedies = Remedies.of(Shapes.model(), full, available);
    assertThat(remedies).isNotEmpty();
    for (Remedy remedy : remedies) {
      assertThat(MemoryPlan.of(Shapes.model(), remedy.work(), available).peakBytes())
          .as(remedy.line())
          .isEqualTo(remedy.plan().peakBytes())
          .isLessThanOrEqualTo(available);
    }
  }

  @Test
  void checkpointingAloneIsNearerThanASmallerBatch() {
    Training work = Shapes.training(Shapes.NF4, Shapes.lora()).withBatch(8, 1);
    long keeping = MemoryPlan.of(Shapes.model(), work, Long.MAX_VALUE).peakBytes();
    Remedy nearest = Remedies.of(Shapes.model(), work, keeping - 1).getFirst();
    assertThat(nearest.options()).containsExactly("--gradient-checkpointing");
  }

  @Test
  void aSmallerBatchKeepsTheSamplesOfAStep() {
    Training work =
        Shapes.training(Shapes.NF4, Shapes.lora()).withBatch(8, 2).withGradientCheckpointing(true);
    long needed = MemoryPlan.of(Shapes.model(), work, Long.MAX_VALUE).peakBytes();
    Remedy nearest = Remedies.of(Shapes.model(), work, needed - 100_000_000).getFirst();
    Training found = (Training) nearest.work();
    assertThat(found.batchSize()).isLessThan(8);
    assertThat(found.batchSize() * found.accumulation()).isEqualTo(16);
  }

  @Test
  void moreSequencesPerStepThanAnIntHoldsAreNotLost() {
    Training work = Shapes.training(Shapes.NF4, Shapes.lora()).withBatch(1 << 16, 1 << 16);
    for (Remedy remedy : Remedies.of(Shapes.model(), work, 4_000_000_000L)) {
      Training found = (Training) remedy.work();
      assertThat((long) found.batchSize() * found.accumulation()).isEqualTo(1L << 32);
    }
    Training less = work.withBatch(1 << 16, 1 << 14);
    Remedy nearest = Remedies.of(Shapes.model(), less, 4_000_000_000L).getFirst();
    Training found = (Training) nearest.work();
    assertThat(found.batchSize() * found.accumulation()).isEqualTo(1 << 30);
    assertThat(found.accumulation()).isPositive();
  }

  @Test
  void generationIsProposedInFourBits() {
    Work.Generation work = new Work.Generation(null, null, null, 100, 100, true);
    assertThat(Remedies.of(Shapes.model(), work, 2_000_000_000L).getFirst().options())
        .containsExactly("--load-in-4bit");
    assertThat(Remedies.of(Shapes.model(), work, 100_000_000L)).isEmpty();
  }
}
