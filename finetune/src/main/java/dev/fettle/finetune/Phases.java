package dev.fettle.finetune;

import dev.fettle.engine.Tensor;
import java.util.LinkedHashMap;
import java.util.SequencedMap;

/// What changes in the model itself as a run goes on, besides its parameters.
interface Phases {
  /// Nothing changes.
  static Phases none() {
    return new Phases() {
      @Override
      public void beforeStep(int step) {}

      @Override
      public AutoCloseable evaluating() {
        return () -> {};
      }

      @Override
      public SequencedMap<String, Tensor> state() {
        return new LinkedHashMap<>();
      }

      @Override
      public void restored(int step) {}
    };
  }

  /// @param step steps taken so far
  void beforeStep(int step);

  /// Computes as the finished model will, until it is closed.
  AutoCloseable evaluating();

  /// What has to be saved to go on to the same bits; these are the tensors in use.
  SequencedMap<String, Tensor> state();

  /// Takes up a state that was saved after `step` steps.
  void restored(int step);
}
