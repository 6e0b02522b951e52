package dev.fettle.cli;

import dev.fettle.finetune.LearningRateSchedule;
import dev.fettle.finetune.OptimizerKind;
import dev.fettle.finetune.TrainingOptions;
import dev.fettle.tensor.UserException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// The training loop; the names of transformers' `TrainingArguments`.
final class TrainingArguments {
  @Option(
      names = "--max-steps",
      paramLabel = "N",
      description = "Optimizer steps (default: as many as --num-train-epochs takes).")
  int maxSteps;

  @Option(
      names = "--num-train-epochs",
      paramLabel = "X",
      description = "Passes over the data, without --max-steps (default: 3).")
  double numTrainEpochs = 3;

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      description = "Sequences of one forward and backward pass (default: 8).")
  int batchSize = 8;

  @Option(
      names = "--gradient-accumulation-steps",
      paramLabel = "N",
      description = "Passes per optimizer step (default: 1).")
  int gradientAccumulationSteps = 1;

  @Option(
      names = "--learning-rate",
      paramLabel = "X",
      description = "Peak learning rate (default: 2e-4).")
  double learningRate = 2e-4;

  @Option(
      names = "--lr-scheduler",
      paramLabel = "NAME",
      description = "constant, linear or cosine (default: constant).")
  String lrScheduler = "constant";

  @Option(
      names = "--warmup-steps",
      paramLabel = "N",
      description = "Steps over which the learning rate rises from 0 (default: 0).")
  int warmupSteps;

  @Option(
      names = "--warmup-ratio",
      paramLabel = "F",
      description = "The same as a fraction of --max-steps.")
  @Nullable Double warmupRatio;

  @Option(
      names = "--weight-decay",
      paramLabel = "X",
      description = "Decoupled, on matrices (default: 0).")
  double weightDecay;

  @Option(
      names = "--max-grad-norm",
      paramLabel = "X",
      description = "Clip the gradient to this norm; 0 does not clip (default: 1).")
  double maxGradNorm = 1;

  @Option(
      names = "--optim",
      paramLabel = "NAME",
      description =
          "adamw_torch, or adamw_8bit with moments in 8 bits: a quarter of the optimizer's memory"
              + " (default: adamw_torch).")
  String optim = "adamw_torch";

  @Option(names = "--adam-beta1", paramLabel = "X", description = "AdamW (default: 0.9).")
  double adamBeta1 = 0.9;

  @Option(names = "--adam-beta2", paramLabel = "X", description = "AdamW (default: 0.999).")
  double adamBeta2 = 0.999;

  @Option(names = "--adam-epsilon", paramLabel = "X", description = "AdamW (default: 1e-8).")
  double adamEpsilon = 1e-8;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Of initialisation, order, split and dropout (default: 42).")
  long seed = 42;

  @Option(names = "--no-shuffle", description = "Take the samples in the order of the file.")
  boolean noShuffle;

  @Option(
      names = "--eval-steps",
      paramLabel = "N",
      description = "Evaluate the held-out samples every N steps (default: only at the end).")
  int evalSteps;

  @Option(
      names = "--save-steps",
      paramLabel = "N",
      description = "Checkpoint every N steps; 0 only at the end (default: 50).")
  int saveSteps = 50;

  @Option(
      names = "--gradient-checkpointing",
      negatable = true,
      description =
          "Keep only each block's input and compute the rest again: less memory, about a third more"
              + " time (default: if the memory at hand asks for it).")
  @Nullable Boolean gradientCheckpointing;

  /// @throws dev.fettle.tensor.UserException naming the first setting outside its range
  TrainingOptions options() {
    return TrainingOptions.builder()
        .maxSteps(maxSteps)
        .numTrainEpochs(numTrainEpochs)
        .batchSize(batchSize)
        .gradientAccumulationSteps(gradientAccumulationSteps)
        .learningRate(learningRate)
        .lrScheduler(LearningRateSchedule.Shape.parse(lrScheduler))
        .warmupSteps(warmup())
        .optim(OptimizerKind.parse(optim))
        .adam(adamBeta1, adamBeta2, adamEpsilon)
        .weightDecay(weightDecay)
        .maxGradNorm(maxGradNorm)
        .seed(seed)
        .shuffle(!noShuffle)
        .evalSteps(evalSteps)
        .saveSteps(saveSteps)
        .gradientCheckpointing(gradientCheckpointing)
        .build();
  }

  private int warmup() {
    if (warmupRatio == null) {
      return warmupSteps;
    }
    if (!(warmupRatio >= 0 && warmupRatio < 1)) {
      throw new UserException(
          "--warmup-ratio must be at least 0 and below 1, not " + warmupRatio + ".");
    }
    if (maxSteps == 0) {
      throw new UserException("--warmup-ratio needs --max-steps; or give --warmup-steps.");
    }
    return (int) Math.ceil(warmupRatio * maxSteps); // as transformers rounds it
  }
}
