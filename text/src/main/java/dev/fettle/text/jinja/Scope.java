package dev.fettle.text.jinja;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Names and their values; what is not here is looked for outside.
final class Scope {
  private final @Nullable Scope outer;
  private final Map<String, Value> names = new HashMap<>();

  Scope(@Nullable Scope outer) {
    this.outer = outer;
  }

  @Nullable Value get(String name) {
    for (Scope scope = this; scope != null; scope = scope.outer) {
      Value value = scope.names.get(name);
      if (value != null) {
        return value;
      }
    }
    return null;
  }

  void set(String name, Value value) {
    names.put(name, value);
  }
}
