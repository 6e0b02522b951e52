package dev.fettle.finetune;

import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.engine.ProcessMemory;
import dev.fettle.lora.AdapterPart;
import dev.fettle.lora.AdapterPlan;
import dev.fettle.lora.LoraAdapter;
import dev.fettle.model.CausalLm;
import org.jspecify.annotations.Nullable;

/// What the forward pass keeps for the backward pass, and whether there is room for it.
final class ActivationMemory {
  /// Share of the free memory that kept activations may take; the rest is for gradients, temporary
  /// results and everything else on the machine.
  private static final double SHARE = 0.5;

  private ActivationMemory() {}

  static boolean chooseRecompute(
      CausalLm model, @Nullable LoraAdapter adapter, FinetuneRequest request) {
    Boolean asked = request.options().gradientCheckpointing();
    if (asked != null) {
      return asked;
    }
    long tokens = (long) request.options().batchSize() * request.dataset().seqLength();
    long bytes = bytes(model, tokens) + (adapter == null ? 0 : bytes(model, adapter, tokens));
    return bytes > SHARE * ProcessMemory.available();
  }

  /// Bytes kept for one micro-batch without recomputation. Per token and block: the block's input,
  /// both normalised inputs, queries, attention output and residual sum (hidden or query width
  /// each), keys and values, gate, up and their product.
  static long bytes(CausalLm model, long tokens) {
    ModelConfig config = model.config();
    long queries = (long) config.numAttentionHeads() * config.headDim();
    long keys = (long) config.numKeyValueHeads() * config.headDim();
    long perToken =
        4L * config.hiddenSize() + 2 * queries + 2 * keys + 3L * config.intermediateSize();
    return tokens * perToken * config.numHiddenLayers() * model.computeDtype().bytes();
  }

  /// What the adapter keeps: per layer `x · Aᵀ`, the mask of its dropout, and with DoRA the output
  /// before its magnitude.
  private static long bytes(CausalLm model, LoraAdapter adapter, long tokens) {
    boolean dropout = adapter.config().loraDropout() > 0;
    long perToken = 0;
    for (AdapterPart.LowRank part : adapter.plan().lowRanks()) {
      if (!part.embedding() && !part.path().equals(AdapterPlan.HEAD)) {
        perToken += part.rank() + (dropout ? part.in() : 0) + (part.dora() ? part.out() : 0);
      }
    }
    return tokens * perToken * model.computeDtype().bytes();
  }
}
