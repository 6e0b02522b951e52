package dev.fettle.finetune;

import dev.fettle.engine.Tensor;
import java.util.SequencedMap;

/// What turns gradients into new values of the parameters, step by step.
public sealed interface Optimizer extends AutoCloseable permits AdamW, AdamW8bit {
  /// The optimizer that the options ask for, before its first step.
  static Optimizer create(FlatParameters parameters, TrainingOptions options) {
    return switch (options.optim()) {
      case ADAMW_TORCH -> new AdamW(parameters, options);
      case ADAMW_8BIT -> new AdamW8bit(parameters, options);
    };
  }

  /// Updates every parameter and clears the gradients.
  void step(double learningRate);

  /// Steps taken so far.
  int steps();

  /// Goes on after this many steps, with a state restored by the caller.
  void resumeAt(int step);

  /// What has to be saved besides the parameters to go on to the same bits. These are the tensors
  /// in use, not copies.
  SequencedMap<String, Tensor> state();

  /// Bytes of the state.
  default long stateBytes() {
    return state().values().stream()
        .mapToLong(tensor -> tensor.elements() * tensor.dtype().bytes())
        .sum();
  }

  @Override
  void close();
}
