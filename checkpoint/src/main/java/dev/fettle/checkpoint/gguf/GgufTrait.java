package dev.fettle.checkpoint.gguf;

/// What llama.cpp's computation of an architecture can do or always does, beyond the first Llama:
/// norms whose gain is the weight, SiLU, no biases on the attention's output and the feed-forward
/// part, one rotary embedding over whole heads. Source: llama.cpp, `src/models/`.
enum GgufTrait {
  /// Rotates neighbours, so that rows of queries and keys are reordered.
  INTERLEAVED_ROTARY,
  /// Gemma: gains are stored as `1 + weight`, embeddings are multiplied with `√hidden`, GELU by
  /// tanh.
  GEMMA,
  QUERY_KEY_NORMS,
  /// Norms after the branches as well.
  BRANCH_NORMS,
  /// Queries, keys and values in one matrix, gate and up in another; heads are as wide as hidden
  /// size / heads.
  FUSED,
  OUTPUT_BIAS,
  MLP_BIAS,
  /// The head may be a matrix of its own.
  OWN_HEAD,
  /// Rotary frequencies may have divisors, in `rope_freqs.weight`.
  DIVISORS,
  /// Rotary frequencies may have divisors for short and long contexts.
  SHORT_AND_LONG_DIVISORS,
  PARTIAL_ROTARY,
  /// Layers with a sliding window have a rotary base of their own, and no scaling.
  LOCAL_ROTARY,
  /// Always caps scores and logits.
  SOFT_CAPS,
  /// Caps logits where the file says so.
  LOGITS_CAP,
  /// Constants for embedding, branches, scores and logits.
  MULTIPLIERS
}
