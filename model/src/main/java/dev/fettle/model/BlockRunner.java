package dev.fettle.model;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tape;
import dev.fettle.engine.Tensor;
import dev.fettle.tensor.DType;
import java.nio.file.Path;

/// A decoder of which one block at a time is in memory: embeds texts, and hands out the blocks one
/// by one to be run on hidden states that the caller keeps. For algorithms that look at a model
/// block by block.
///
/// Not safe for use by several threads at once.
public final class BlockRunner implements AutoCloseable {
  private final Checkpoint checkpoint;
  private final LoadOptions options;
  private final ModelConfig config;
  private final DType computeDtype;
  private final Scope shared = Scope.detached();
  private final Embedding embedding;
  private final Rope rope;

  private BlockRunner(Checkpoint checkpoint, LoadOptions options) {
    this.checkpoint = checkpoint;
    this.config = checkpoint.config();
    this.computeDtype = ComputeDType.choose(checkpoint, options.computeDtype());
    this.options = options.withComputeDtype(computeDtype).withTrainable(false);
    ModelLoader.check(checkpoint);
    try (Scope.Entered entered = shared.enter()) {
      this.embedding = ModelLoader.embedding(checkpoint, this.options, shared);
      this.rope = new Rope(config);
    }
  }

  /// @throws dev.fettle.tensor.UserException if the folder is not a complete, supported checkpoint
  public static BlockRunner open(Path folder, LoadOptions options) {
    Checkpoint checkpoint = Checkpoint.open(folder);
    boolean done = false;
    try {
      BlockRunner runner = new BlockRunner(checkpoint, options);
      done = true;
      return runner;
    } finally {
      if (!done) {
        checkpoint.close();
      }
    }
  }

  public ModelConfig config() {
    return config;
  }

  /// float32 or bfloat16; the dtype of the hidden states.
  public DType computeDtype() {
    return computeDtype;
  }

  /// The weights as they are stored.
  public Checkpoint checkpoint() {
    return checkpoint;
  }

  /// The longest sequence the model takes.
  public int maxLength() {
    return config.maxLength();
  }

  /// The hidden states before the first block.
  ///
  /// @param ids equally long rows
  /// @return `[batch · length, hidden]` in the compute dtype, in the current scope
  public Tensor embed(int[][] ids) {
    try (Scope scope = Scope.open()) {
      return scope.keep(embedding.apply(Tape.inference(), embedding.rows(ids)).value());
    }
  }

  /// Loads block `layer`; it must be closed before the runner.
  ///
  /// @param layer 0 … [ModelConfig#numHiddenLayers()] − 1
  public LoadedBlock load(int layer) {
    return ModelLoader.loadBlock(checkpoint, options, layer, rope);
  }

  /// Frees the embedding and unmaps the files.
  @Override
  public void close() {
    rope.close();
    shared.close();
    checkpoint.close();
  }
}
