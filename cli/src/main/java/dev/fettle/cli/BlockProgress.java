package dev.fettle.cli;

import dev.fettle.calibrate.block.BlockListener;
import dev.fettle.calibrate.block.LayerReport;
import org.jspecify.annotations.Nullable;

/// How far a model is that is quantized block by block: layers done, the time left, tokens per
/// second through the present block, and the last layer's error.
final class BlockProgress implements BlockListener, AutoCloseable {
  private static final double NANOS = 1e9;

  private final Console console;
  private @Nullable ProgressLine line;
  private long tokens;
  private long passStart;
  private int layers;
  private int perBlock;
  private String rate = "";
  private String last = "";

  BlockProgress(Console console) {
    this.console = console;
  }

  @Override
  public void start(Start start) {
    ProgressLine shown = new ProgressLine(console, "quantizing layer", start.layers());
    line = shown;
    tokens = start.tokens();
    perBlock = start.layers() / Math.max(1, start.blocks());
    layers = perBlock * start.finishedBlocks();
    if (start.finishedBlocks() > 0) {
      shown.log("going on after block %d of %d".formatted(start.finishedBlocks(), start.blocks()));
    }
    shown.log(
        "%s calibration tokens; their hidden states take %s in the work folder"
            .formatted(Units.count(tokens), Units.bytes(start.hiddenBytes())));
    shown.update(layers, "");
  }

  @Override
  public void batch(int block, int done, int batches) {
    console.stop().check();
    if (done == 1) {
      passStart = System.nanoTime();
    } else {
      double seconds = (System.nanoTime() - passStart) / NANOS;
      double passed = (double) tokens * (done - 1) / batches;
      rate = "block %d, %s tokens/s".formatted(block, Units.fixed(passed / seconds, 0));
    }
    show();
  }

  @Override
  public void layer(LayerReport report) {
    layers++;
    last =
        "  %s: error %s, rtn %s"
            .formatted(
                report.name(),
                Units.scientific(report.outputError()),
                Units.scientific(report.nearestError()));
    show();
    if (report.fallback() && line != null) {
      line.log(report.name() + ": " + report.note());
    }
  }

  private void show() {
    if (line != null) {
      line.update(layers, rate + last);
    }
  }

  @Override
  public void close() {
    if (line != null) {
      line.close();
    }
  }
}
