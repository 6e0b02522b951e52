package dev.fettle.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.tensor.UserException;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

class TrainingOptionsTest {
  @Test
  void everySettingOutsideItsRangeIsNamed() {
    Map<String, UnaryOperator<TrainingOptions.Builder>> wrong =
        Map.ofEntries(
            Map.entry("max-steps must be 0 or more, not -1.", b -> b.maxSteps(-1)),
            Map.entry("num-train-epochs must be above 0, not 0.", b -> b.numTrainEpochs(0)),
            Map.entry("batch-size must be 1 or more, not 0.", b -> b.batchSize(0)),
            Map.entry(
                "gradient-accumulation-steps must be 1 or more, not 0.",
                b -> b.gradientAccumulationSteps(0)),
            Map.entry(
                "batch-size 65536 times gradient-accumulation-steps 65536 is more than the 2^31-1 sequences that one optimizer step may have; give a smaller one.",
                b -> b.batchSize(1 << 16).gradientAccumulationSteps(1 << 16)),
            Map.entry("learning-rate must be above 0, not 0.", b -> b.learningRate(0)),
            Map.entry("learning-rate must be above 0, not NaN.", b -> b.learningRate(Double.NaN)),
            Map.entry("warmup-steps must be 0 or more, not -3.", b -> b.warmupSteps(-3)),
            Map.entry(
                "adam-beta1 must be at least 0 and below 1, not 1.", b -> b.adam(1, 0.9, 1e-8)),
            Map.entry(
                "adam-beta2 must be at least 0 and below 1, not 1.5.", b -> b.adam(0, 1.5, 1e-8)),
            Map.entry("adam-epsilon must be above 0, not 0.", b -> b.adam(0.9, 0.9, 0)),
            Map.entry("weight-decay must be 0 or more, not -0.1.", b -> b.weightDecay(-0.1)),
            Map.entry("max-grad-norm must be 0 or more, not -1.", b -> b.maxGradNorm(-1)),
            Map.entry("eval-steps must be 0 or more, not -1.", b -> b.evalSteps(-1)),
            Map.entry("save-steps must be 0 or more, not -1.", b -> b.saveSteps(-1)));
    wrong.forEach((message, change) ->
        assertThatThrownBy(() -> change.apply(TrainingOptions.builder()).build())
            .isInstanceOf(UserException.class)
            .hasMessage(message));
    assertThatThrownBy(() -> LearningRateSchedule.Shape.parse("polynomial"))
        .isInstanceOf(UserException.class)
        .hasMessage("Unknown lr-scheduler 'polynomial'; choose constant, linear or cosine.");
    assertThatThrownBy(() -> TrainingMethod.parse("dora"))
        .isInstanceOf(UserException.class)
        .hasMessage("Unknown method 'dora'; choose full, lora, qlora, qat or qat-lora.");
  }

  /// The defaults of transformers' `TrainingArguments`, but for those the Javadoc names.
  @Test
  void defaults() {
    TrainingOptions options = TrainingOptions.builder().build();
    assertThat(options.adamBeta1()).isEqualTo(0.9);
    assertThat(options.adamBeta2()).isEqualTo(0.999);
    assertThat(options.adamEpsilon()).isEqualTo(1e-8);
    assertThat(options.maxGradNorm()).isEqualTo(1);
    assertThat(options.weightDecay()).isZero();
    assertThat(options.seed()).isEqualTo(42);
    assertThat(options.batchSize()).isEqualTo(8);
    assertThat(options.numTrainEpochs()).isEqualTo(3);
  }

  @Test
  void stepsOfEpochs() {
    TrainingOptions options =
        TrainingOptions.builder().batchSize(4).gradientAccumulationSteps(2).build();
    assertThat(options.totalSteps(80)).isEqualTo(30);
    assertThat(options.totalSteps(81)).isEqualTo(31);
    assertThat(options.totalSteps(1)).isEqualTo(1);
    assertThat(TrainingOptions.builder().maxSteps(7).build().totalSteps(1_000)).isEqualTo(7);
  }
}
