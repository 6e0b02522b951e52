package dev.fettle.text.jinja;

import dev.fettle.text.jinja.TemplateException.Kind;
import java.util.Collection;

/// How deep a value nests and how much there is to visit in it, counting shared parts each time.
///
/// Both are bounded where lists and dicts are made, so that printing, comparing and hashing may
/// simply recurse: a template can share a list with itself and double it forty times.
///
/// @param depth 0 for what holds nothing
/// @param weight values to visit; long strings count more
record Extent(int depth, long weight) {
  private static final int MAX_DEPTH = 200;
  private static final long MAX_WEIGHT = 10_000_000;
  private static final int CHARACTERS_PER_WEIGHT = 16;

  static Extent of(Value value) {
    return switch (value) {
      case Value.Seq seq -> seq.extent();
      case Value.Dict dict -> dict.extent();
      case Value.Str text -> new Extent(0, 1 + text.value().length() / CHARACTERS_PER_WEIGHT);
      case Value.Undefined _,
          Value.None _,
          Value.Bool _,
          Value.Int _,
          Value.Real _,
          Value.Namespace _,
          Value.Function _,
          LoopContext _ ->
          new Extent(0, 1);
    };
  }

  /// What holds these values.
  ///
  /// @throws TemplateException if that is too deep or too much
  static Extent around(Collection<Value> values) {
    int depth = 0;
    long weight = 1;
    for (Value value : values) {
      Extent extent = of(value);
      depth = Math.max(depth, extent.depth);
      weight += extent.weight;
      if (weight > MAX_WEIGHT || depth >= MAX_DEPTH) {
        throw new TemplateException(Kind.LIMIT, "a list or dict grows too large or too deep");
      }
    }
    return new Extent(depth + 1, weight);
  }
}
