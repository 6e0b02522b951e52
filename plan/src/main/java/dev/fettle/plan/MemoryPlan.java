package dev.fettle.plan;

import java.util.Comparator;
import java.util.List;

/// The memory a piece of work takes from start to end, as the operating system counts it: resident
/// pages of the process (`VmRSS`), mapped weight files included as far as they are read. The
/// largest phase is what `VmHWM` shows at the end.
///
/// @param phases in the order of the work; not empty
/// @param recompute whether training keeps only each block's input (gradient checkpointing)
public record MemoryPlan(List<Phase> phases, boolean recompute) {
  public MemoryPlan {
    phases = List.copyOf(phases);
    if (phases.isEmpty()) {
      throw new IllegalArgumentException("a plan without phases");
    }
  }

  /// The phase that takes most.
  public Phase peak() {
    return phases.stream().max(Comparator.comparingLong(Phase::bytes)).orElseThrow();
  }

  /// Bytes of the largest phase.
  public long peakBytes() {
    return peak().bytes();
  }

  /// Whether the peak is below what may be taken.
  ///
  /// @param available bytes
  public boolean fits(long available) {
    return peakBytes() <= available;
  }

  /// The plan of a piece of work on a model.
  ///
  /// @param available bytes that may be taken; decides whether training keeps activations where the
  ///   work leaves it open
  /// @throws dev.fettle.tensor.UserException if an adapter or a scheme does not go with the model
  public static MemoryPlan of(ModelSpec model, Work work, long available) {
    return switch (work) {
      case Work.Training training -> TrainingMemory.of(model, training, available);
      case Work.Generation generation -> ForwardMemory.generation(model, generation);
      case Work.Evaluation evaluation -> ForwardMemory.evaluation(model, evaluation);
      case Work.Calibration calibration -> ForwardMemory.calibration(model, calibration);
      case Work.Blockwise blockwise -> BlockwiseMemory.of(model, blockwise);
      case Work.Rewriting rewriting -> FileMemory.of(model, rewriting);
    };
  }
}
