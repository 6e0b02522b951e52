package dev.fettle.checkpoint;

/// Constants of a decoder's computation.
///
/// @param embedding factor of the embedding's output; transformers rounds it to the compute dtype
/// @param residual factor of a branch's output before it is added
/// @param logitsScaling what the logits are divided by
public record Multipliers(double embedding, double residual, double logitsScaling) {
  public static final Multipliers NONE = new Multipliers(1, 1, 1);
}
