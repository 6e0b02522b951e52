package dev.fettle.engine;

/// What distinguishes the attention of one layer from plain causal attention.
///
/// @param scale what the product of a query and a key is multiplied with
/// @param softCap scores become `softCap · tanh(score / softCap)` after the scale and before the
///   softmax; Gemma 2, arXiv:2408.00118, section 2. Infinite where scores stay as they are
/// @param window most keys a query sees, its own included: those at a distance below it; Beltagy et
///   al. 2020, arXiv:2004.05150, section 3.1. [Integer#MAX_VALUE] for all before it
public record AttentionRule(double scale, double softCap, int window) {
  /// @throws IllegalArgumentException if a query would not see itself, or the cap is not positive
  public AttentionRule {
    if (window < 1 || !(softCap > 0)) {
      throw new IllegalArgumentException("window " + window + ", soft cap " + softCap);
    }
  }

  /// Every key up to the query's own, scores unbounded.
  public static AttentionRule causal(double scale) {
    return new AttentionRule(scale, Double.POSITIVE_INFINITY, Integer.MAX_VALUE);
  }

  public AttentionRule withWindow(int keys) {
    return new AttentionRule(scale, softCap, keys);
  }

  public AttentionRule withSoftCap(double cap) {
    return new AttentionRule(scale, cap, window);
  }

  /// Whether scores are bounded.
  public boolean capped() {
    return softCap < Double.POSITIVE_INFINITY;
  }
}
