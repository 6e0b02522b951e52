package dev.fettle.text.jinja;

import java.util.List;

/// jinja2's `cycler` and `joiner`, which remember how often they were asked.
final class Counters {
  private Counters() {}

  /// An object whose `next()` gives one value after the other, round and round.
  static Value cycler(Arguments arguments) {
    List<Value> values = arguments.positional();
    if (values.isEmpty()) {
      throw TemplateException.type("at least one item has to be provided");
    }
    Value.Namespace cycler = new Value.Namespace();
    int[] place = {0};
    cycler.attributes().put("current", values.getFirst());
    cycler
        .attributes()
        .put(
            "next",
            new Value.Function(
                "next",
                _ -> {
                  Value now = values.get(place[0]);
                  place[0] = (place[0] + 1) % values.size();
                  cycler.attributes().put("current", values.get(place[0]));
                  return now;
                }));
    cycler
        .attributes()
        .put(
            "reset",
            new Value.Function(
                "reset",
                _ -> {
                  place[0] = 0;
                  cycler.attributes().put("current", values.getFirst());
                  return Value.None.NONE;
                }));
    return cycler;
  }

  /// A function that gives the separator, except the first time.
  static Value joiner(Arguments arguments) {
    Value separator = arguments.get(0, "sep", Value.of(", "));
    boolean[] used = {false};
    return new Value.Function(
        "joiner",
        _ -> {
          boolean first = !used[0];
          used[0] = true;
          return first ? Value.of("") : separator;
        });
  }
}
