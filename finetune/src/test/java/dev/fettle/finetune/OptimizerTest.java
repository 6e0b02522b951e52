package dev.fettle.finetune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;

import dev.fettle.checkpoint.Json;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensors;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.model.Parameter;
import dev.fettle.tensor.DType;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/// AdamW, clipping and schedules against PyTorch and transformers.
class OptimizerTest {
  /// A few float32 roundings per step on values near 1.
  private static final float VALUES = 2e-6f;

  @TempDir Path folder;

  private final JsonNode golden = Json.read(Golden.path("optimizer.json"));

  @Test
  void stepsAreThoseOfTorch() {
    TrainingOptions options =
        TrainingOptions.builder()
            .maxSteps(8)
            .adam(
                golden.path("beta1").asDouble(),
                golden.path("beta2").asDouble(),
                golden.path("epsilon").asDouble())
            .weightDecay(golden.path("weight_decay").asDouble())
            .build();
    try (Scope scope = Scope.open()) {
      // The vector first: the flat buffer has to sort the matrix, which decays, before it.
      Parameter vector = new Parameter("v", Tensors.of(floats(golden.path("start").path(1)), 5));
      Parameter matrix = new Parameter("m", Tensors.of(floats(golden.path("start").path(0)), 3, 4));
      try (FlatParameters parameters = new FlatParameters(List.of(vector, matrix), DType.F32);
          Optimizer optimizer = Optimizer.create(parameters, options)) {
        int clipped = 0;
        for (JsonNode step : golden.path("steps")) {
          matrix.grad().addInPlace(Tensors.of(floats(step.path("gradients").path(0)), 3, 4));
          vector.grad().addInPlace(Tensors.of(floats(step.path("gradients").path(1)), 5));
          double norm = parameters.gradNorm();
          assertThat(norm).isCloseTo(step.path("norm").asDouble(), offset(1e-6));
          double maxNorm = golden.path("max_grad_norm").asDouble();
          clipped += norm > maxNorm ? 1 : 0;
          parameters.clipGrads(norm, maxNorm);
          optimizer.step(step.path("learning_rate").asDouble());
          assertThat(matrix.value().toFloats())
              .containsExactly(floats(step.path("matrix")), offset(VALUES));
          assertThat(vector.value().toFloats())
              .containsExactly(floats(step.path("vector")), offset(VALUES));
          assertThat(parameters.grads().toFloats()).containsOnly(0);
        }
        assertThat(clipped).isBetween(1, optimizer.steps() - 1);
      }
    }
  }

  @Test
  void zeroDoesNotClip() {
    try (Scope scope = Scope.open();
        FlatParameters parameters =
            new FlatParameters(
                List.of(new Parameter("p", Tensors.of(new float[] {1, 2}, 2))), DType.F32);
        Optimizer optimizer = Optimizer.create(parameters, TrainingOptions.builder().build())) {
      parameters.grads().copyInPlace(Tensors.of(new float[] {30, 40}, 2));
      assertThat(parameters.gradNorm()).isEqualTo(50);
      parameters.clipGrads(50, 0);
      assertThat(parameters.grads().toFloats()).containsExactly(30, 40);
      parameters.clipGrads(50, 5);
      assertThat(parameters.grads().toFloats()).containsExactly(new float[] {3, 4}, offset(1e-5f));
    }
  }

  /// A model in bfloat16 computes with copies, which have to follow the float32 values.
  @Test
  void copiesFollowTheValues() throws IOException {
    try (CausalLm model =
            CausalLm.load(
                TinyModel.write(folder.resolve("model")),
                LoadOptions.defaults().withComputeDtype(DType.BF16).withTrainable(true));
        FlatParameters parameters = new FlatParameters(model.baseParameters(), DType.BF16);
        Optimizer optimizer = Optimizer.create(parameters, TrainingOptions.builder().build());
        Scope scope = Scope.open()) {
      int[][] ids = {{1, 2, 3, 4, 5, 6}};
      CausalLm.StepOptions options = new CausalLm.StepOptions(0.2, false, 0L);
      double before = model.lossAndGradients(ids, ids, options);
      optimizer.step(0.01);
      assertThat(model.lossAndGradients(ids, ids, options)).isLessThan(0.9 * before);
    }
  }

  @Test
  void schedulesAreThoseOfTransformers() {
    assertThat(golden.path("schedules")).hasSize(9);
    for (JsonNode schedule : golden.path("schedules")) {
      LearningRateSchedule ours =
          new LearningRateSchedule(
              LearningRateSchedule.Shape.parse(schedule.path("shape").asString()),
              golden.path("peak").asDouble(),
              schedule.path("warmup_steps").asInt(),
              schedule.path("total_steps").asInt());
      for (int step = 0; step < ours.totalSteps(); step++) {
        assertThat(ours.at(step))
            .as("%s at %d", ours, step)
            .isCloseTo(schedule.path("rates").path(step).asDouble(), offset(1e-12));
      }
    }
  }

  private static float[] floats(JsonNode array) {
    float[] values = new float[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) array.path(i).asDouble();
    }
    return values;
  }
}
