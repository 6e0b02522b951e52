package dev.fettle.calibrate.block;

/// An algorithm that quantizes a model one block at a time.
public interface BlockAlgorithm {
  /// The algorithm with all settings that change its result; a run is only resumed by the same.
  String description();

  /// Whether the blocks that follow see the outputs of the quantized block, so that they can make
  /// up for its errors; otherwise they see those of the exact one.
  boolean quantizedOutputs();

  /// @param data the block, its inputs, and memory that lives until the result has been stored
  BlockResult quantize(BlockData data);
}
