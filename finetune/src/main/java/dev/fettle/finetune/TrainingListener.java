package dev.fettle.finetune;

import dev.fettle.text.DatasetSummary;
import java.nio.file.Path;
import java.util.List;

/// Told what a run does, from the thread that trains. Every method may be left empty.
public interface TrainingListener {
  /// Nobody listens.
  TrainingListener NONE = new TrainingListener() {};

  /// Before the first step.
  default void started(RunSummary summary) {}

  /// After each optimizer step.
  default void step(StepReport report) {}

  /// After each evaluation of the held-out samples.
  default void evaluated(ValidationLoss loss) {}

  /// After a checkpoint is safe on disk.
  default void saved(int step, Path folder) {}

  /// Asked between steps: true ends the run with a checkpoint.
  default boolean stopRequested() {
    return false;
  }

  /// @param data what the training files hold
  /// @param warnings a sentence for each thing in them to know before training
  /// @param trainSamples rows that are trained on, packed ones if they are packed
  /// @param trainedParameters values that are trained
  /// @param baseBytes what the frozen base occupies
  /// @param recompute whether block-wise recomputation is on
  /// @param firstStep steps done before, by the run that is resumed
  record RunSummary(
      DatasetSummary data,
      List<String> warnings,
      int trainSamples,
      int validationSamples,
      int totalSteps,
      long trainedParameters,
      long baseBytes,
      boolean recompute,
      int firstStep) {}

  /// @param step counted from 1
  /// @param loss mean over the step's target tokens, in nats
  /// @param gradNorm before clipping
  /// @param tokensPerSecond of this run so far
  /// @param residentBytes of the process now
  /// @param secondsLeft estimate
  record StepReport(
      int step,
      int totalSteps,
      double loss,
      double learningRate,
      double gradNorm,
      double tokensPerSecond,
      long residentBytes,
      double secondsLeft) {}

  /// @param step optimizer steps done
  /// @param loss mean over the held-out target tokens, in nats
  record ValidationLoss(int step, double loss) {}
}
