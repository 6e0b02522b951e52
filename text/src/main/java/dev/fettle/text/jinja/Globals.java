package dev.fettle.text.jinja;

import dev.fettle.text.jinja.TemplateException.Kind;
import java.time.Clock;
import java.time.LocalDateTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.stream.LongStream;

/// The functions every template can call.
final class Globals {
  private static final long MAX_RANGE = 100_000; // jinja2.sandbox.MAX_RANGE

  private Globals() {}

  static void define(Scope scope, Clock clock) {
    define(scope, "range", Globals::range);
    define(scope, "dict", Globals::dict);
    define(scope, "namespace", Globals::namespace);
    define(scope, "cycler", Counters::cycler);
    define(scope, "joiner", Counters::joiner);
    define(scope, "raise_exception", Globals::raise);
    define(
        scope,
        "strftime_now",
        arguments ->
            Value.of(Strftime.format(arguments.text(0, "format"), LocalDateTime.now(clock))));
  }

  private static void define(Scope scope, String name, Value.Function.Body body) {
    scope.set(name, new Value.Function(name, body));
  }

  private static Value range(Arguments arguments) {
    List<Long> bounds = arguments.positional().stream().map(Operators::index).toList();
    if (bounds.isEmpty() || bounds.size() > 3) {
      throw TemplateException.type("range expected 1 to 3 arguments, got " + bounds.size());
    }
    long start = bounds.size() > 1 ? bounds.get(0) : 0;
    long stop = bounds.size() > 1 ? bounds.get(1) : bounds.get(0);
    long step = bounds.size() > 2 ? bounds.get(2) : 1;
    if (step == 0) {
      throw TemplateException.value("range() arg 3 must not be zero");
    }
    double length = Math.ceil(((double) stop - start) / step);
    if (length > MAX_RANGE) {
      throw new TemplateException(
          Kind.OVERFLOW,
          "Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).");
    }
    return Value.list(
        LongStream.range(0, Math.max(0, (long) length))
            .mapToObj(i -> Value.of(start + i * step))
            .toList());
  }

  private static Value dict(Arguments arguments) {
    SequencedMap<Value, Value> entries = new LinkedHashMap<>();
    for (Value source : arguments.positional()) {
      if (source instanceof Value.Dict dict) {
        entries.putAll(dict.entries());
      } else {
        for (Value pair : Operators.iterate(source)) {
          List<Value> items = Operators.iterate(pair);
          if (items.size() != 2) {
            throw TemplateException.value("dict() takes a mapping or pairs");
          }
          entries.put(items.get(0), items.get(1));
        }
      }
    }
    arguments.named().forEach((name, value) -> entries.put(Value.of(name), value));
    return new Value.Dict(entries);
  }

  private static Value namespace(Arguments arguments) {
    Value.Namespace namespace = new Value.Namespace();
    if (dict(arguments) instanceof Value.Dict dict) {
      dict.entries()
          .forEach((name, value) -> namespace.attributes().put(PythonText.str(name), value));
    }
    return namespace;
  }

  private static Value raise(Arguments arguments) {
    throw new TemplateException(Kind.TEMPLATE_ERROR, arguments.text(0, "message"));
  }
}
