package dev.fettle.calibrate.block;

import dev.fettle.model.Linear;
import org.jspecify.annotations.Nullable;

/// Outputs of a linear layer that are, channel by channel, proportional to the inputs of a group
/// further on.
///
/// @param first of the layer's rows; more than 0 where several projections are fused in it
public record Producer(Linear linear, int first) {

  /// The rows that a group's inputs are made of: the values for the attention's output, the up
  /// projection for the down projection.
  ///
  /// @return null behind a norm, and where grouped heads share a value channel among several inputs
  public static @Nullable Producer of(BlockData data, InputGroup group) {
    boolean grouped = data.config().numKeyValueHeads() != data.config().numAttentionHeads();
    return switch (group.kind()) {
      case ATTENTION, FEED_FORWARD -> null;
      case ATTENTION_OUTPUT -> grouped ? null : lastRows(data, group, "v_proj", "qkv_proj");
      case FEED_FORWARD_OUTPUT -> lastRows(data, group, "up_proj", "gate_up_proj");
    };
  }

  /// In fused layers values come after queries and keys, and up after gate.
  private static Producer lastRows(BlockData data, InputGroup group, String own, String fused) {
    String name = "." + (data.config().fusedProjections() ? fused : own);
    Linear linear =
        data.block().linears().values().stream()
            .filter(each -> each.path().endsWith(name))
            .findFirst()
            .orElseThrow();
    return new Producer(linear, Math.toIntExact(linear.weight().out() - group.features()));
  }
}
