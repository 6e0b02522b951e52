package dev.fettle.checkpoint;

import org.jspecify.annotations.Nullable;

/// Bounds that are approached and never passed: `cap · tanh(x / cap)`; Gemma 2, arXiv:2408.00118,
/// section 2.
///
/// @param attention of the scaled scores, before the mask; null for none
/// @param logits of the logits; null for none
public record SoftCaps(@Nullable Double attention, @Nullable Double logits) {
  public static final SoftCaps NONE = new SoftCaps(null, null);
}
