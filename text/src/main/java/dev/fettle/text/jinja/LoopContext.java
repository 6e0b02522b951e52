package dev.fettle.text.jinja;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// The `loop` variable.
final class LoopContext implements Value {
  private final List<Value> items;
  private final int depth;
  private final Value.Function.@Nullable Body recurse;
  private int index0 = -1;
  private @Nullable Value lastChanged;

  /// @param recurse renders the loop over other items, in a `recursive` loop
  LoopContext(List<Value> items, int depth, Value.Function.@Nullable Body recurse) {
    this.items = items;
    this.depth = depth;
    this.recurse = recurse;
  }

  void advance() {
    index0++;
  }

  int index() {
    return index0 + 1;
  }

  int length() {
    return items.size();
  }

  Value call(Arguments arguments) {
    if (recurse == null) {
      throw TemplateException.type(
          "The loop must have the 'recursive' marker to be called recursively.");
    }
    return recurse.call(arguments);
  }

  @Nullable Value attribute(String name) {
    return switch (name) {
      case "index" -> Value.of(index0 + 1);
      case "index0" -> Value.of(index0);
      case "revindex" -> Value.of(items.size() - index0);
      case "revindex0" -> Value.of(items.size() - index0 - 1);
      case "first" -> Value.of(index0 == 0);
      case "last" -> Value.of(index0 == items.size() - 1);
      case "length" -> Value.of(items.size());
      case "depth" -> Value.of(depth);
      case "depth0" -> Value.of(depth - 1);
      case "previtem" ->
          index0 > 0 ? items.get(index0 - 1) : Value.Undefined.of("there is no previous item");
      case "nextitem" ->
          index0 + 1 < items.size()
              ? items.get(index0 + 1)
              : Value.Undefined.of("there is no next item");
      case "cycle" -> new Value.Function("cycle", this::cycle);
      case "changed" -> new Value.Function("changed", this::changed);
      default -> null;
    };
  }

  private Value cycle(Arguments arguments) {
    List<Value> values = arguments.positional();
    if (values.isEmpty()) {
      throw TemplateException.type("no items for cycling given");
    }
    return values.get(index0 % values.size());
  }

  private Value changed(Arguments arguments) {
    Value now = Value.list(arguments.positional());
    boolean changed = lastChanged == null || !Operators.equal(lastChanged, now);
    lastChanged = now;
    return Value.of(changed);
  }
}
