package dev.fettle.calibrate.block;

/// Told how far a run is.
public interface BlockListener {
  /// Tells nobody.
  static BlockListener none() {
    return new BlockListener() {};
  }

  /// @param blocks of the model
  /// @param finishedBlocks taken over from an earlier run
  /// @param layers linear layers to quantize, all blocks together
  /// @param tokens of the calibration text
  /// @param hiddenBytes of the hidden states of all its tokens; twice that is needed on disk
  record Start(int blocks, int finishedBlocks, int layers, long tokens, long hiddenBytes) {}

  default void start(Start start) {}

  /// Called after each batch of a pass over the text; may throw to stop the run.
  ///
  /// @param block from 0
  default void batch(int block, int doneBatches, int batches) {}

  /// A layer is done.
  default void layer(LayerReport report) {}

  /// A block is done and stored.
  ///
  /// @param block from 0
  default void block(int block, double seconds) {}
}
