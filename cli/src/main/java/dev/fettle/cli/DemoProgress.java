package dev.fettle.cli;

import dev.fettle.demo.DemoListener;
import dev.fettle.finetune.TrainingListener;
import org.jspecify.annotations.Nullable;

/// Shows the stages of the demo, and the training runs as `finetune` shows them.
final class DemoProgress implements DemoListener, AutoCloseable {
  private final Console console;
  private @Nullable TrainingProgress training;

  DemoProgress(Console console) {
    this.console = console;
  }

  @Override
  public void stage(int index, int stages, String title) {
    close();
    console.err().println("[" + index + "/" + stages + "] " + title);
  }

  @Override
  public void note(String line) {
    close();
    console.err().println("      " + line);
  }

  @Override
  public TrainingListener training(String name) {
    close();
    training = new TrainingProgress(console);
    return training;
  }

  @Override
  public void close() {
    if (training != null) {
      training.close();
      training = null;
    }
  }
}
