package dev.fettle.cli;

import dev.fettle.finetune.TrainingListener;
import java.nio.file.Path;

/// Shows a training run: loss, speed, memory and the time left.
final class TrainingProgress implements TrainingListener, AutoCloseable {
  private final Console console;
  private ProgressLine line;
  private Runnable onSaved = () -> {};

  TrainingProgress(Console console) {
    this.console = console;
    this.line = new ProgressLine(console, "step", 0);
  }

  /// Called after each checkpoint: what a run that is killed later leaves can be repeated, too.
  void onSaved(Runnable action) {
    onSaved = action;
  }

  @Override
  public void started(RunSummary summary) {
    line.close();
    line = new ProgressLine(console, "step", summary.totalSteps());
    line.log("data: " + summary.data());
    summary.data().lengthLines().forEach(line::log);
    summary.warnings().forEach(warning -> line.log("warning: " + warning));
    line.log(
        "%s trainable parameters; the linear layers of the base take %s%s"
            .formatted(
                Units.count(summary.trainedParameters()),
                Units.bytes(summary.baseBytes()),
                summary.recompute() ? "; block-wise recomputation" : ""));
    if (summary.validationSamples() > 0) {
      line.log(summary.validationSamples() + " samples held out");
    }
    if (summary.firstStep() > 0) {
      line.log("resuming after step " + summary.firstStep());
    }
  }

  @Override
  public void step(StepReport report) {
    line.update(
        report.step(),
        "loss %s  %s tokens/s  %s"
            .formatted(
                Units.fixed(report.loss(), 4),
                Units.fixed(report.tokensPerSecond(), report.tokensPerSecond() < 100 ? 1 : 0),
                Units.bytes(report.residentBytes())));
  }

  @Override
  public void evaluated(ValidationLoss loss) {
    line.log("step %d  validation loss %s".formatted(loss.step(), Units.fixed(loss.loss(), 4)));
  }

  @Override
  public void saved(int step, Path folder) {
    onSaved.run();
    if (!console.isTerminal()) {
      return; // a log shows the steps; where the checkpoints lie is in --help
    }
    line.log("step %d  saved %s".formatted(step, folder));
  }

  @Override
  public boolean stopRequested() {
    return console.stop().requested();
  }

  @Override
  public void close() {
    line.close();
  }
}
