package dev.fettle.plan;

import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.lora.AdapterPart;
import dev.fettle.lora.AdapterPlan;
import dev.fettle.tensor.DType;
import org.jspecify.annotations.Nullable;

/// What a pass over some tokens holds, following the steps of the decoder one by one.
///
/// @param tokens of one pass
/// @param compute dtype of the activations
/// @param adapter what is trained beside the weights, or null
/// @param dropout whether the adapter's inputs are masked
record Activations(
    ModelSpec model, long tokens, DType compute, @Nullable AdapterPlan adapter, boolean dropout) {
  /// Logits of one chunk of the loss.
  private static final long CHUNK_LOGITS = 1L << 24;

  /// Scores of one chunk of attention, all heads together.
  private static final long CHUNK_SCORES = 1L << 24;

  /// Queries of one chunk.
  private static final long CHUNK_QUERIES = 128;

  private ModelConfig config() {
    return model.architecture().config();
  }

  private long hidden() {
    return config().hiddenSize();
  }

  private long queries() {
    return (long) config().numAttentionHeads() * config().headDim();
  }

  private long keys() {
    return (long) config().numKeyValueHeads() * config().headDim();
  }

  /// What one block keeps for its gradient, without its output: both normalised inputs and the
  /// residual sum, queries and attention's output, keys and values, gate, up and their product.
  long keptByBlock() {
    long perToken = 3 * hidden() + 2 * queries() + 2 * keys() + 3L * config().intermediateSize();
    if (config().norms().afterBranches()) {
      perToken += 2 * hidden();
    }
    if (config().norms().queryKey()) {
      perToken += queries() + keys();
    }
    return Part.capped((double) tokens * perToken * compute.bytes())
        + keptByAdapter() / config().numHiddenLayers();
  }

  /// Per layer `x · Aᵀ`, the mask of its dropout, and with DoRA the output before its magnitude.
  private long keptByAdapter() {
    if (adapter == null) {
      return 0;
    }
    long perToken = 0;
    for (AdapterPart.LowRank part : adapter.lowRanks()) {
      if (!part.embedding() && !part.path().equals(AdapterPlan.HEAD)) {
        perToken += part.rank() + (dropout ? part.in() : 0) + (part.dora() ? part.out() : 0);
      }
    }
    return Part.capped((double) tokens * perToken * compute.bytes());
  }

  /// The input of one block, which is the output of the one before.
  long blockInput() {
    return Part.capped((double) tokens * hidden() * compute.bytes());
  }

  /// The embedding's output is the first block's input; beside the blocks' outputs live the result
  /// of the last norm and its gradient.
  long aroundBlocks() {
    return 3 * blockInput();
  }

  /// What the gradient of one block takes at its fullest: of the feed-forward part the gradient of
  /// the product and of the inputs, or of the attention its output and gradients in float32.
  long backwardOfBlock() {
    double feedForward =
        (double) tokens * (config().intermediateSize() + 4 * hidden()) * compute.bytes();
    double attention =
        (double) tokens * queries() * (2.0 * DType.F32.bytes() + 3.0 * compute.bytes())
            + (double) tokens * keys() * 2 * (DType.F32.bytes() + compute.bytes())
            + scores();
    return Part.capped(Math.max(feedForward, attention));
  }

  /// Scores of one chunk of queries and their softmax.
  private long scores() {
    long visible = Math.min(tokens, CHUNK_SCORES / CHUNK_QUERIES);
    long all = (long) config().numAttentionHeads() * Math.min(CHUNK_QUERIES, tokens) * visible;
    return 2 * Math.min(CHUNK_SCORES, all) * compute.bytes();
  }

  /// A block that keeps nothing: everything lives until the block ends.
  long forwardOfBlock() {
    return keptByBlock() + blockInput() + scores();
  }

  /// Logits in the compute dtype and in float32, and what the log-sum-exp takes beside them.
  ///
  /// @param rows whose logits are wanted
  long lossChunk(long rows) {
    long words = config().vocabSize();
    long count = Math.min(rows, Math.max(1, CHUNK_LOGITS / words));
    long copies = 2L * DType.F32.bytes() + (compute == DType.F32 ? 0 : compute.bytes());
    return count * words * copies;
  }
}
