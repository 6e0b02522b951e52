package dev.fettle.checkpoint.gguf;

/// The keys that begin with the architecture's name. Source: gguf-py, `constants.py`.
record GgufKeys(GgufFamily family) {
  private String key(String rest) {
    return family.architecture() + "." + rest;
  }

  String blockCount() {
    return key("block_count");
  }

  String contextLength() {
    return key("context_length");
  }

  String embeddingLength() {
    return key("embedding_length");
  }

  String feedForwardLength() {
    return key("feed_forward_length");
  }

  String headCount() {
    return key("attention.head_count");
  }

  String headCountKv() {
    return key("attention.head_count_kv");
  }

  String keyLength() {
    return key("attention.key_length");
  }

  String valueLength() {
    return key("attention.value_length");
  }

  String rmsEpsilon() {
    return key("attention.layer_norm_rms_epsilon");
  }

  String slidingWindow() {
    return key("attention.sliding_window");
  }

  String slidingWindowPattern() {
    return key("attention.sliding_window_pattern");
  }

  String attentionCap() {
    return key("attn_logit_softcapping");
  }

  String logitsCap() {
    return key("final_logit_softcapping");
  }

  String attentionScale() {
    return key("attention.scale");
  }

  String embeddingScale() {
    return key("embedding_scale");
  }

  String residualScale() {
    return key("residual_scale");
  }

  /// What logits are divided by.
  String logitScale() {
    return key("logit_scale");
  }

  String freqBase() {
    return key("rope.freq_base");
  }

  /// Of the layers with a sliding window.
  String freqBaseSliding() {
    return key("rope.freq_base_swa");
  }

  String dimensionCount() {
    return key("rope.dimension_count");
  }

  String scalingType() {
    return key("rope.scaling.type");
  }

  String scalingFactor() {
    return key("rope.scaling.factor");
  }

  /// Factor of cosines and sines.
  String scalingAttention() {
    return key("rope.scaling.attn_factor");
  }

  String originalContext() {
    return key("rope.scaling.original_context_length");
  }

  /// The older name of `scalingFactor`.
  String scaleLinear() {
    return key("rope.scale_linear");
  }

  String vocabSize() {
    return key("vocab_size");
  }

  String expertCount() {
    return key("expert_count");
  }
}
