package dev.fettle.checkpoint;

/// Which linear layers of a decoder block have a bias.
///
/// @param queryKeyValue the projections to queries, keys and values
/// @param output the attention's output projection
/// @param mlp the feed-forward part's three
public record Biases(boolean queryKeyValue, boolean output, boolean mlp) {
  public static final Biases NONE = new Biases(false, false, false);
}
