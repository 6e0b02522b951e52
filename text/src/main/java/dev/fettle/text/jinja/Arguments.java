package dev.fettle.text.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// The values a function, filter or test is called with.
record Arguments(List<Value> positional, SequencedMap<String, Value> named) {

  /// The argument at this place or of this name, or null.
  @Nullable Value get(int place, String name) {
    return place < positional.size() ? positional.get(place) : named.get(name);
  }

  Value get(int place, String name, Value otherwise) {
    Value value = get(place, name);
    return value == null ? otherwise : value;
  }

  Value required(int place, String name) {
    Value value = get(place, name);
    if (value == null) {
      throw TemplateException.type("missing required argument '" + name + "'");
    }
    return value;
  }

  String text(int place, String name) {
    return PythonText.str(required(place, name));
  }

  long integer(int place, String name, long otherwise) {
    Value value = get(place, name);
    return value == null ? otherwise : Operators.index(value);
  }

  /// A required integer.
  long index(int place, String name) {
    return Operators.index(required(place, name));
  }

  /// A required string, where Python's method takes nothing else.
  String string(int place, String name) {
    Value value = required(place, name);
    Operators.failIfUndefined(value);
    if (value instanceof Value.Str text) {
      return text.value();
    }
    throw TemplateException.type("must be str, not " + PythonText.typeName(value));
  }

  boolean flag(int place, String name, boolean otherwise) {
    Value value = get(place, name);
    return value == null ? otherwise : Operators.truth(value);
  }

  /// Without the first argument.
  Arguments rest() {
    return new Arguments(positional.subList(1, positional.size()), named);
  }

  /// All values, for limits on what goes in.
  List<Value> all() {
    List<Value> values = new ArrayList<>(positional);
    for (Map.Entry<String, Value> entry : named.entrySet()) {
      values.add(entry.getValue());
    }
    return values;
  }
}
