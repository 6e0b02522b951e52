package dev.fettle.model;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Var;
import java.util.Collections;
import java.util.List;
import java.util.SequencedMap;

/// One block of a decoder, loaded by itself.
public final class LoadedBlock implements AutoCloseable {
  private final int layer;
  private final DecoderBlock block;
  private final SequencedMap<String, Linear> linears;
  private final List<AutoCloseable> resources;

  LoadedBlock(
      int layer,
      DecoderBlock block,
      SequencedMap<String, Linear> linears,
      List<AutoCloseable> resources) {
    this.layer = layer;
    this.block = block;
    this.linears = linears;
    this.resources = resources;
  }

  /// Number of the block, from 0.
  public int layer() {
    return layer;
  }

  /// The block's linear layers by their path, in the order of the computation. Their weights may be
  /// replaced and their inputs observed.
  public SequencedMap<String, Linear> linears() {
    return Collections.unmodifiableSequencedMap(linears);
  }

  /// The weight of the norm before the attention, `[hidden]`.
  public Tensor inputNorm() {
    return block.norms().input().frozen();
  }

  /// The weight of the norm before the feed-forward part, `[hidden]`.
  public Tensor postAttentionNorm() {
    return block.norms().feedForward().frozen();
  }

  /// Replaces the weight of the norm before the attention; the tensor must live as long as the
  /// block is used.
  public void inputNorm(Tensor weight) {
    block.norms().input().frozen(weight);
  }

  /// Replaces the weight of the norm before the feed-forward part.
  public void postAttentionNorm(Tensor weight) {
    block.norms().feedForward().frozen(weight);
  }

  /// Runs the block on sequences from their first position on.
  ///
  /// @param hidden `[batch · length, hidden]` in the compute dtype; stays unchanged
  /// @return same shape, in the current scope
  public Tensor run(Tensor hidden, int batch, int length) {
    try (Scope scope = Scope.open()) {
      Pass pass = Pass.inference(batch, length);
      return scope.keep(block.apply(pass, Var.constant(hidden)).value());
    }
  }

  /// Frees the block's weights.
  @Override
  public void close() {
    for (AutoCloseable resource : resources.reversed()) {
      try {
        resource.close();
      } catch (Exception e) {
        throw new IllegalStateException("cannot close a part of block " + layer, e);
      }
    }
  }
}
