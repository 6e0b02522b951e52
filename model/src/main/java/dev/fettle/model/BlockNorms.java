package dev.fettle.model;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Norms;
import org.jspecify.annotations.Nullable;

/// The norms of one block.
///
/// @param input before the attention
/// @param feedForward before the feed-forward part
/// @param attentionOutput of what the attention adds, or null
/// @param feedForwardOutput of what the feed-forward part adds, or null
/// @param query of each head of the queries, or null
/// @param key of each head of the keys, or null
record BlockNorms(
    RmsNorm input,
    RmsNorm feedForward,
    @Nullable RmsNorm attentionOutput,
    @Nullable RmsNorm feedForwardOutput,
    @Nullable RmsNorm query,
    @Nullable RmsNorm key) {

  /// Makes the norms that a configuration has.
  interface Loader {
    /// @param module name within the block, such as `input_layernorm`
    RmsNorm load(String module);
  }

  static BlockNorms load(Norms names, Loader loader) {
    boolean after = names.afterBranches();
    return new BlockNorms(
        loader.load(Norms.BEFORE_ATTENTION),
        loader.load(names.beforeFeedForward()),
        after ? loader.load(names.afterAttention()) : null,
        after ? loader.load(names.afterFeedForward()) : null,
        names.queryKey() ? loader.load(Architecture.QUERY_NORM) : null,
        names.queryKey() ? loader.load(Architecture.KEY_NORM) : null);
  }

  /// The norm of this name in a checkpoint, or null.
  ///
  /// @param module such as `input_layernorm` or `self_attn.q_norm`
  @Nullable RmsNorm named(String module, Norms names) {
    if (module.equals(Norms.BEFORE_ATTENTION)) {
      return input;
    }
    if (module.equals(names.beforeFeedForward())) {
      return feedForward;
    }
    if (module.equals(Architecture.QUERY_NORM)) {
      return query;
    }
    if (module.equals(Architecture.KEY_NORM)) {
      return key;
    }
    if (names.afterBranches() && module.equals(names.afterAttention())) {
      return attentionOutput;
    }
    return names.afterBranches() && module.equals(names.afterFeedForward())
        ? feedForwardOutput
        : null;
  }
}
