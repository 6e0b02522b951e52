package dev.fettle.finetune;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What a run did.
///
/// @param losses of every step since step 1, also those of the runs it resumed: means over the
///   target tokens, in nats
/// @param gradNorms of the same steps, before clipping
/// @param validationLosses in order
/// @param bestStep the step with the lowest validation loss, or null without validation
/// @param tokens trained on in this process
/// @param seconds of training in this process, without loading and evaluation
/// @param peakResidentBytes of the process
/// @param trainedParameters values that were trained
/// @param optimizerStateBytes what the optimizer remembers of earlier steps
/// @param output folder of the result
/// @param interrupted whether it stopped early on request; it can be resumed
public record RunRecord(
    List<Double> losses,
    List<Double> gradNorms,
    List<TrainingListener.ValidationLoss> validationLosses,
    @Nullable Integer bestStep,
    long tokens,
    double seconds,
    long peakResidentBytes,
    long trainedParameters,
    long optimizerStateBytes,
    Path output,
    boolean interrupted) {

  public double tokensPerSecond() {
    return seconds > 0 ? tokens / seconds : 0;
  }

  public int steps() {
    return losses.size();
  }
}
