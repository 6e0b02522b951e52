package dev.fettle.demo;

import dev.fettle.finetune.TrainingListener;

/// Told what the demo does.
public interface DemoListener {
  /// Nobody listens.
  DemoListener NONE = new DemoListener() {};

  /// A stage begins.
  ///
  /// @param index from 1
  default void stage(int index, int stages, String title) {}

  /// One line of outcome.
  default void note(String line) {}

  /// Follows one training run.
  default TrainingListener training(String name) {
    return TrainingListener.NONE;
  }
}
