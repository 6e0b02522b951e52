package dev.fettle.cli;

import dev.fettle.evaluate.Evaluation.Candidate;
import dev.fettle.evaluate.Evaluation.Progress;
import org.jspecify.annotations.Nullable;

/// One progress line for each model that is evaluated.
final class EvaluationProgress implements Progress, AutoCloseable {
  private final Console console;
  private @Nullable Candidate current;
  private @Nullable ProgressLine line;

  EvaluationProgress(Console console) {
    this.console = console;
  }

  @Override
  public void windows(Candidate candidate, int done, int total) {
    console.stop().check();
    ProgressLine shown = line;
    if (shown == null || !candidate.equals(current)) {
      close();
      shown = new ProgressLine(console, candidate.name() + ": window", total);
      line = shown;
      current = candidate;
    }
    shown.update(done, "");
  }

  @Override
  public void close() {
    if (line != null) {
      line.close();
      line = null;
    }
  }
}
