package dev.fettle.finetune;

import dev.fettle.tensor.UserException;
import org.jspecify.annotations.Nullable;

/// The settings of a run. Names, meaning and defaults are those of transformers'
/// `TrainingArguments` unless noted.
///
/// @param maxSteps optimizer steps; 0 takes the number from the epochs
/// @param numTrainEpochs passes over the training samples, used if `maxSteps` is 0
/// @param batchSize sequences of one forward and backward pass
/// @param gradientAccumulationSteps passes per optimizer step; the loss is the mean over the target
///   tokens of all of them
/// @param learningRate at the peak
/// @param lrScheduler constant unless set (transformers: linear)
/// @param warmupSteps steps of linear warm-up; transformers' `warmup_ratio` is turned into this
/// @param optim which optimizer; its state is in float32 unless set
/// @param adamBeta1 decay of the first moment
/// @param adamBeta2 decay of the second moment
/// @param adamEpsilon added to the root of the second moment
/// @param weightDecay decoupled, on matrices only
/// @param maxGradNorm the gradient's norm is clipped to this; 0 does not clip
/// @param seed of the adapter's initialisation, the shuffling, the split and the dropout
/// @param shuffle draw the samples in a new random order each epoch; otherwise in the file's order
/// @param evalSteps evaluate the held-out samples every so many steps and at the end; 0 only at the
///   end
/// @param saveSteps checkpoint every so many steps; 0 only at the end
/// @param gradientCheckpointing keep only each block's input and compute the rest again; null
///   decides by the memory at hand
public record TrainingOptions(
    int maxSteps,
    double numTrainEpochs,
    int batchSize,
    int gradientAccumulationSteps,
    double learningRate,
    LearningRateSchedule.Shape lrScheduler,
    int warmupSteps,
    OptimizerKind optim,
    double adamBeta1,
    double adamBeta2,
    double adamEpsilon,
    double weightDecay,
    double maxGradNorm,
    long seed,
    boolean shuffle,
    int evalSteps,
    int saveSteps,
    @Nullable Boolean gradientCheckpointing) {

  /// @throws UserException naming the first setting outside its range
  public TrainingOptions {
    require(maxSteps >= 0, "max-steps", maxSteps, "0 or more");
    require(maxSteps > 0 || numTrainEpochs > 0, "num-train-epochs", numTrainEpochs, "above 0");
    require(batchSize > 0, "batch-size", batchSize, "1 or more");
    require(
        gradientAccumulationSteps > 0,
        "gradient-accumulation-steps",
        gradientAccumulationSteps,
        "1 or more");
    if ((long) batchSize * gradientAccumulationSteps > Integer.MAX_VALUE) {
      throw new UserException(
          "batch-size %d times gradient-accumulation-steps %d is more than the 2^31-1 sequences that one optimizer step may have; give a smaller one."
              .formatted(batchSize, gradientAccumulationSteps));
    }
    require(
        learningRate > 0 && Double.isFinite(learningRate),
        "learning-rate",
        learningRate,
        "above 0");
    require(warmupSteps >= 0, "warmup-steps", warmupSteps, "0 or more");
    require(adamBeta1 >= 0 && adamBeta1 < 1, "adam-beta1", adamBeta1, "at least 0 and below 1");
    require(adamBeta2 >= 0 && adamBeta2 < 1, "adam-beta2", adamBeta2, "at least 0 and below 1");
    require(adamEpsilon > 0, "adam-epsilon", adamEpsilon, "above 0");
    require(weightDecay >= 0, "weight-decay", weightDecay, "0 or more");
    require(maxGradNorm >= 0, "max-grad-norm", maxGradNorm, "0 or more");
    require(evalSteps >= 0, "eval-steps", evalSteps, "0 or more");
    require(saveSteps >= 0, "save-steps", saveSteps, "0 or more");
  }

  private static void require(boolean holds, String name, double found, String expected) {
    if (!holds) {
      boolean whole = found == Math.rint(found) && Math.abs(found) < 1e9;
      throw new UserException(
          "%s must be %s, not %s.".formatted(name, expected, whole ? "" + (long) found : found));
    }
  }

  /// Sequences of one optimizer step.
  public int sequencesPerStep() {
    return batchSize * gradientAccumulationSteps;
  }

  /// Optimizer steps of a run over this many samples.
  public int totalSteps(int samples) {
    return maxSteps > 0
        ? maxSteps
        : (int) Math.max(1, Math.ceil(numTrainEpochs * samples / sequencesPerStep()));
  }

  public static Builder builder() {
    return new Builder();
  }

  /// Starts from the defaults.
  public static final class Builder {
    private int maxSteps;
    private double numTrainEpochs = 3;
    private int batchSize = 8;
    private int gradientAccumulationSteps = 1;
    private double learningRate = 2e-4;
    private LearningRateSchedule.Shape lrScheduler = LearningRateSchedule.Shape.CONSTANT;
    private int warmupSteps;
    private OptimizerKind optim = OptimizerKind.ADAMW_TORCH;
    private double adamBeta1 = 0.9;
    private double adamBeta2 = 0.999;
    private double adamEpsilon = 1e-8;
    private double weightDecay;
    private double maxGradNorm = 1;
    private long seed = 42;
    private boolean shuffle = true;
    private int evalSteps;
    private int saveSteps = 50;
    private @Nullable Boolean gradientCheckpointing;

    private Builder() {}

    public Builder maxSteps(int value) {
      maxSteps = value;
      return this;
    }

    public Builder numTrainEpochs(double value) {
      numTrainEpochs = value;
      return this;
    }

    public Builder batchSize(int value) {
      batchSize = value;
      return this;
    }

    public Builder gradientAccumulationSteps(int value) {
      gradientAccumulationSteps = value;
      return this;
    }

    public Builder learningRate(double value) {
      learningRate = value;
      return this;
    }

    public Builder lrScheduler(LearningRateSchedule.Shape value) {
      lrScheduler = value;
      return this;
    }

    public Builder warmupSteps(int value) {
      warmupSteps = value;
      return this;
    }

    public Builder optim(OptimizerKind value) {
      optim = value;
      return this;
    }

    public Builder adam(double beta1, double beta2, double epsilon) {
      adamBeta1 = beta1;
      adamBeta2 = beta2;
      adamEpsilon = epsilon;
      return this;
    }

    public Builder weightDecay(double value) {
      weightDecay = value;
      return this;
    }

    public Builder maxGradNorm(double value) {
      maxGradNorm = value;
      return this;
    }

    public Builder seed(long value) {
      seed = value;
      return this;
    }

    public Builder shuffle(boolean value) {
      shuffle = value;
      return this;
    }

    public Builder evalSteps(int value) {
      evalSteps = value;
      return this;
    }

    public Builder saveSteps(int value) {
      saveSteps = value;
      return this;
    }

    public Builder gradientCheckpointing(@Nullable Boolean value) {
      gradientCheckpointing = value;
      return this;
    }

    /// @throws UserException if a setting is outside its range
    public TrainingOptions build() {
      return new TrainingOptions(
          maxSteps,
          numTrainEpochs,
          batchSize,
          gradientAccumulationSteps,
          learningRate,
          lrScheduler,
          warmupSteps,
          optim,
          adamBeta1,
          adamBeta2,
          adamEpsilon,
          weightDecay,
          maxGradNorm,
          seed,
          shuffle,
          evalSteps,
          saveSteps,
          gradientCheckpointing);
    }
  }
}
