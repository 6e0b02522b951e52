package dev.fettle.checkpoint;

/// How a decoder normalises, always by the root mean square.
///
/// @param eps added to the mean square
/// @param onePlusWeight whether the gain is `1 + weight`, as in Gemma, instead of the weight
/// @param queryKey whether every head of the queries and keys is normalised before it is rotated,
///   by `q_norm` and `k_norm`, `[headDim]`
/// @param afterBranches whether the outputs of the attention and of the feed-forward part are
///   normalised too, as in Gemma 2: `post_attention_layernorm` then belongs to the attention's
///   output, and the feed-forward part has `pre_feedforward_layernorm` and
///   `post_feedforward_layernorm`
public record Norms(double eps, boolean onePlusWeight, boolean queryKey, boolean afterBranches) {
  public static final String BEFORE_ATTENTION = "input_layernorm";
  private static final String POST_ATTENTION = "post_attention_layernorm";

  /// Gains that are the weights themselves, one norm before each branch.
  public static Norms plain(double eps) {
    return new Norms(eps, false, false, false);
  }

  /// Module name of the norm whose output the feed-forward part reads.
  public String beforeFeedForward() {
    return afterBranches ? "pre_feedforward_layernorm" : POST_ATTENTION;
  }

  /// Module name of the norm of the attention's output, where there is one.
  public String afterAttention() {
    return requireAfter(POST_ATTENTION);
  }

  /// Module name of the norm of the feed-forward part's output, where there is one.
  public String afterFeedForward() {
    return requireAfter("post_feedforward_layernorm");
  }

  private String requireAfter(String name) {
    if (!afterBranches) {
      throw new IllegalStateException("no norms after the branches");
    }
    return name;
  }
}
