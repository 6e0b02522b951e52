package dev.fettle.cli;

import dev.fettle.export.merge.LowBitMerge;
import dev.fettle.export.merge.MergeTarget;
import org.jspecify.annotations.Nullable;

/// One progress line per candidate and kind of work.
final class MergeProgress implements LowBitMerge.Listener, AutoCloseable {
  private final Console console;
  private @Nullable ProgressLine line;
  private String label = "";

  MergeProgress(Console console) {
    this.console = console;
  }

  @Override
  public void tensor(MergeTarget target, String name, int done, int count) {
    update("merging into " + target.text() + ": tensor", done, count, name);
  }

  @Override
  public void windows(MergeTarget target, int done, int count) {
    update("measuring " + target.text() + ": window", done, count, "");
  }

  private void update(String wanted, int done, int count, String note) {
    console.stop().check();
    ProgressLine current = line;
    if (current == null || !label.equals(wanted) || done == 1) {
      close();
      current = new ProgressLine(console, wanted, count);
      line = current;
      label = wanted;
    }
    current.update(done, note);
  }

  @Override
  public void close() {
    if (line != null) {
      line.close();
      line = null;
    }
  }
}
