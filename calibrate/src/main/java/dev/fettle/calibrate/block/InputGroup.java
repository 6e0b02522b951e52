package dev.fettle.calibrate.block;

import dev.fettle.model.Linear;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Linear layers of a block that share their input: queries, keys and values; the gate and the up
/// projection.
///
/// @param kind which input it is
/// @param linears in the order of the computation, at least one
public record InputGroup(Kind kind, List<Linear> linears) {

  /// The four inputs of a block, in the order of the computation.
  public enum Kind {
    ATTENTION,
    ATTENTION_OUTPUT,
    FEED_FORWARD,
    FEED_FORWARD_OUTPUT;

    static Kind of(Linear linear) {
      String path = linear.path();
      return switch (path.substring(path.lastIndexOf('.') + 1)) {
        case "q_proj", "k_proj", "v_proj", "qkv_proj" -> ATTENTION;
        case "o_proj" -> ATTENTION_OUTPUT;
        case "gate_proj", "up_proj", "gate_up_proj" -> FEED_FORWARD;
        case "down_proj" -> FEED_FORWARD_OUTPUT;
        default -> throw new IllegalStateException("no decoder block has a layer " + path);
      };
    }
  }

  /// All layers of a block.
  static List<InputGroup> of(Iterable<Linear> linears) {
    Map<Kind, List<Linear>> groups = new LinkedHashMap<>();
    for (Linear linear : linears) {
      groups.computeIfAbsent(Kind.of(linear), kind -> new ArrayList<>()).add(linear);
    }
    List<InputGroup> result = new ArrayList<>();
    groups.forEach((kind, members) -> result.add(new InputGroup(kind, List.copyOf(members))));
    return result;
  }

  /// The layer whose input is looked at.
  public Linear first() {
    return linears.getFirst();
  }

  /// Number of inputs.
  public long features() {
    return first().weight().in();
  }
}
