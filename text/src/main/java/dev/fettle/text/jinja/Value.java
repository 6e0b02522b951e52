package dev.fettle.text.jinja;

import dev.fettle.text.jinja.TemplateException.Kind;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import tools.jackson.databind.JsonNode;

/// A Python value, as far as templates handle them.
sealed interface Value
    permits Value.Undefined,
        Value.None,
        Value.Bool,
        Value.Int,
        Value.Real,
        Value.Str,
        Value.Seq,
        Value.Dict,
        Value.Namespace,
        Value.Function,
        LoopContext {

  /// What a missing name or attribute gives: prints nothing, is false, is empty, and fails when
  /// anything else is done with it.
  ///
  /// @param message what is missing
  /// @param kind the error it then raises
  record Undefined(String message, Kind kind) implements Value {
    static Undefined of(String message) {
      return new Undefined(message, Kind.UNDEFINED);
    }

    TemplateException error() {
      return new TemplateException(kind, message);
    }
  }

  enum None implements Value {
    NONE
  }

  enum Bool implements Value {
    FALSE,
    TRUE
  }

  record Int(long value) implements Value {}

  record Real(double value) implements Value {}

  /// @param markup whether it came from `safe` or `escape`: joined by `+` with a plain string, that
  ///   one is HTML-escaped, in Python even where autoescape is off
  record Str(String value, boolean markup) implements Value {
    @Override
    public boolean equals(Object other) {
      return other instanceof Str that && value.equals(that.value);
    }

    @Override
    public int hashCode() {
      return value.hashCode();
    }
  }

  /// A list, or what Python makes of one. Immutable.
  final class Seq implements Value {
    private final List<Value> items;
    private final SeqKind kind;
    private final Extent extent;

    Seq(List<? extends Value> items, SeqKind kind) {
      this.items = List.copyOf(items);
      this.kind = kind;
      this.extent = Extent.around(this.items);
    }

    List<Value> items() {
      return items;
    }

    SeqKind kind() {
      return kind;
    }

    Extent extent() {
      return extent;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Seq that && kind == that.kind && items.equals(that.items);
    }

    @Override
    public int hashCode() {
      return items.hashCode();
    }
  }

  enum SeqKind {
    LIST("list"),
    TUPLE("tuple"),
    DICT_KEYS("dict_keys"),
    DICT_VALUES("dict_values"),
    DICT_ITEMS("dict_items"),
    GENERATOR("generator");

    final String typeName;

    SeqKind(String typeName) {
      this.typeName = typeName;
    }

    /// Whether its items can be had by number.
    boolean indexed() {
      return this == LIST || this == TUPLE;
    }
  }

  /// Keys and values in the order they came. Never changed once made.
  final class Dict implements Value {
    private final SequencedMap<Value, Value> entries;
    private final Extent extent;

    Dict(SequencedMap<Value, Value> entries) {
      this.entries = Collections.unmodifiableSequencedMap(entries);
      entries.keySet().forEach(Dict::requireHashable);
      Extent keys = Extent.around(entries.keySet());
      Extent values = Extent.around(entries.values());
      this.extent =
          new Extent(Math.max(keys.depth(), values.depth()), keys.weight() + values.weight());
    }

    private static void requireHashable(Value key) {
      if (key instanceof Dict || (key instanceof Seq seq && seq.kind() == SeqKind.LIST)) {
        throw TemplateException.type("unhashable type: '" + PythonText.typeName(key) + "'");
      }
    }

    SequencedMap<Value, Value> entries() {
      return entries;
    }

    Extent extent() {
      return extent;
    }
  }

  /// What `namespace()` makes: the only thing a template can change.
  final class Namespace implements Value {
    private final Map<String, Value> attributes = new LinkedHashMap<>();

    Map<String, Value> attributes() {
      return attributes;
    }
  }

  /// A macro, a method with its object, or a global function.
  record Function(String name, Body body) implements Value {
    interface Body {
      Value call(Arguments arguments);
    }
  }

  static Value of(String text) {
    return new Str(text, false);
  }

  static Value of(long value) {
    return new Int(value);
  }

  static Value of(boolean value) {
    return value ? Bool.TRUE : Bool.FALSE;
  }

  static Value list(List<? extends Value> items) {
    return new Seq(items, SeqKind.LIST);
  }

  static Value tuple(Value... items) {
    return new Seq(List.of(items), SeqKind.TUPLE);
  }

  static Value generator(List<? extends Value> items) {
    return new Seq(items, SeqKind.GENERATOR);
  }

  static Value dict(SequencedMap<String, ? extends Value> entries) {
    SequencedMap<Value, Value> values = new LinkedHashMap<>();
    entries.forEach((key, value) -> values.put(of(key), value));
    return new Dict(values);
  }

  /// What Python's `json.loads` would make of it.
  static Value of(JsonNode json) {
    return switch (json.getNodeType()) {
      case OBJECT -> {
        SequencedMap<String, Value> entries = new LinkedHashMap<>();
        json.propertyStream().forEach(e -> entries.put(e.getKey(), of(e.getValue())));
        yield dict(entries);
      }
      case ARRAY -> {
        List<Value> items = new ArrayList<>();
        json.forEach(item -> items.add(of(item)));
        yield list(items);
      }
      case STRING -> of(json.asString());
      case BOOLEAN -> of(json.asBoolean());
      case NUMBER ->
          json.isIntegralNumber() && json.canConvertToLong()
              ? of(json.asLong())
              : new Real(json.asDouble());
      case NULL, MISSING -> None.NONE;
      case BINARY, POJO -> throw new IllegalArgumentException("no JSON value: " + json);
    };
  }
}
